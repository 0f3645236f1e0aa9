/**
 * Tests say by name what they need; where it is missing they are skipped, and the title says why. A host that promises to
 * have it, with `HYPERFILE_TEST_REQUIRE=name,name`, fails instead: there nothing may look proven because it did not run.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'vitest';
import { windowsNode } from './windows-node.ts';

type Need = string;

const present = new Map<Need, boolean>();

/** Tests that start the project as somebody without rights; a clone below /root is closed to everyone else. */
export const OPEN_TO_OTHERS = 'a project that others may read';

/** `root`, {@link OPEN_TO_OTHERS}, `/an/absolute/path`, `python:MODULE` of the system's Python, `dotnet:VERSION` for a .NET SDK of at least that major version, `windows-node` (test/support/windows-node.ts), or a program that must be on PATH. */
export function has(need: Need): boolean {
  let known = present.get(need);
  if (known === undefined) {
    known = look(need);
    present.set(need, known);
  }
  return known;
}

function look(need: Need): boolean {
  if (need === 'root') return process.getuid?.() === 0;
  if (need === 'windows-node') return windowsNode() !== undefined;
  if (need.startsWith('/')) return existsSync(need);
  try {
    if (need === OPEN_TO_OTHERS) {
      const own = path.join(import.meta.dirname, 'needs.ts');
      execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', own], {
        stdio: 'ignore',
      });
      return true;
    }
    if (need.startsWith('dotnet:')) {
      const kits = execFileSync('dotnet', ['--list-sdks'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const versions = [...kits.matchAll(/^(\d+)\./gm)].map((kit) => Number(kit[1]));
      return Math.max(0, ...versions) >= Number(need.slice('dotnet:'.length));
    }
    if (need.startsWith('python:')) {
      execFileSync('/usr/bin/python3', ['-c', `import ${need.slice('python:'.length)}`], { stdio: 'ignore' });
    } else execFileSync('sh', ['-c', `command -v -- '${need}'`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What `HYPERFILE_TEST_REQUIRE` promises, by the names that {@link has} knows. */
export function promised(): Need[] {
  const names = (process.env.HYPERFILE_TEST_REQUIRE ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}

/** `describe`, or where something is missing a skipped one whose title names it; a failing one if it was promised. */
export function describeWith(needs: readonly Need[], title: string, body: () => void): void {
  const missing = needs.filter((need) => !has(need));
  if (missing.length === 0) describe(title, body);
  else if (isPromised(missing)) describe(title, () => failWithout(missing, 'has what it needs'));
  else describe.skip(withoutWhat(title, missing), body);
}

/** `test`, or where something is missing a skipped one whose title names it; a failing one if it was promised. */
export function testWith(needs: readonly Need[], title: string, body: () => void | Promise<void>): void {
  const missing = needs.filter((need) => !has(need));
  if (missing.length === 0) test(title, body);
  else if (isPromised(missing)) failWithout(missing, title);
  else test.skip(withoutWhat(title, missing), body);
}

function isPromised(missing: readonly Need[]): boolean {
  return missing.some((need) => promised().includes(need));
}

function failWithout(missing: readonly Need[], title: string): void {
  const names = missing.filter((need) => promised().includes(need)).join(', ');
  test(title, () => {
    throw new Error(
      `missing here: ${names}, which HYPERFILE_TEST_REQUIRE promises: install it or take it out`,
    );
  });
}

function withoutWhat(title: string, missing: readonly Need[]): string {
  return `${title} [skipped: needs ${missing.join(', ')}]`;
}
