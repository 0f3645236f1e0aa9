/** Tests say by name what they need; where it is missing they are skipped, and the title says why. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe } from 'vitest';

type Need = string;

const present = new Map<Need, boolean>();

/** `root`, `/an/absolute/path`, `python:MODULE` of the system's Python, or a program that must be on PATH. */
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
  if (need.startsWith('/')) return existsSync(need);
  try {
    if (need.startsWith('python:')) {
      execFileSync('/usr/bin/python3', ['-c', `import ${need.slice('python:'.length)}`], { stdio: 'ignore' });
    } else execFileSync('sh', ['-c', `command -v -- '${need}'`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** `describe`, or a skipped one whose title names what is missing. */
export function describeWith(needs: readonly Need[], title: string, body: () => void): void {
  const missing = needs.filter((need) => !has(need));
  if (missing.length === 0) describe(title, body);
  else describe.skip(`${title} [skipped: needs ${missing.join(', ')}]`, body);
}
