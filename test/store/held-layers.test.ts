/** Layers of dead commands that something on the host may still hold. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { staleSessions } from '../../src/base/session.ts';
import { Store } from '../../src/store/store.ts';
import { testFolder } from './support.ts';

const SOURCES = path.resolve(import.meta.dirname, '../../src');

/** A command that dies with two layers begun; one of them is in a sandbox, as its session says. */
const DYING = `
import { writeFileSync } from 'node:fs';
import { openSession } from '${SOURCES}/base/session.ts';
import { Store } from '${SOURCES}/store/store.ts';
const [root] = process.argv.slice(1);
const store = await Store.open(root);
await store.lease();
const session = openSession(root);
const [held, free] = [store.newLayer(), store.newLayer()];
session.claim(held.path);
for (const { path } of [held, free]) writeFileSync(path, 'half');
process.stdout.write(JSON.stringify([held.path, free.path]));
setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);
`;

test('a layer that a dead command had in a sandbox is left to whoever undoes that', async () => {
  const root = path.join(testFolder(), 'store');
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', DYING, root], { encoding: 'utf8' });
  expect(ended.signal, ended.stderr).toBe('SIGKILL');
  const [held, free] = JSON.parse(ended.stdout) as [string, string];
  const store = await Store.open(root);
  expect([held, free].map((file) => existsSync(file))).toEqual([true, false]);
  for (const session of staleSessions(root)) session.remove();
  expect(existsSync(held)).toBe(false);
  store.close();
});
