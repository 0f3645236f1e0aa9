import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { describeWith } from './needs.ts';
import { withOwnMounts } from './own-mounts.ts';

describeWith(['root', 'unshare', 'mount'], 'a program with mounts of its own', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-own-mounts-'));
  const mounted: string[] = [];

  afterEach(() => {
    for (const target of mounted.splice(0).reverse()) execFileSync('umount', [target]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function mount(...names: string[]): string {
    const target = path.join(folder, ...names);
    mkdirSync(target, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', target]);
    mounted.push(target);
    return target;
  }

  /** The mounts below the folder that a program has, by its own account. */
  async function seen(own: string): Promise<string[]> {
    const [tool = '', ...words] = [...withOwnMounts(own), 'cat', '/proc/self/mountinfo'];
    const program = spawn(tool, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    program.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(program, 'close');
    const targets = text.split('\n').map((line) => line.split(' ')[4] ?? '');
    return targets
      .filter((target) => target.startsWith(folder))
      .map((target) => path.relative(folder, target));
  }

  test('has those in its folder and those that the folder is in, and none of other tests', async () => {
    mount('other');
    mount('other', 'inside');
    mount('outer');
    mount('outer', 'beside');
    mount('outer', 'own');
    mount('outer', 'own', 'below');
    mount('outer', 'own-not');
    expect(await seen(path.join(folder, 'outer', 'own'))).toEqual(['outer', 'outer/own', 'outer/own/below']);
  });

  test('is asked for by every test that starts one', () => {
    const root = path.resolve(import.meta.dirname, '..');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const starting = files.filter((name) =>
      /'unshare',[\s[]*'(-m|--mount)'/.test(readFileSync(path.join(root, name), 'utf8')),
    );
    expect(starting.filter((name) => !name.startsWith(path.join('support', 'own-mounts')))).toEqual([]);
  });
});
