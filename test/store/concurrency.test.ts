/** Several real processes at once in one store. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { testStore } from './support.ts';

async function hammer(root: string, seed: number, rounds: number): Promise<string> {
  const script = path.join(import.meta.dirname, 'hammer.ts');
  const child = spawn(process.execPath, [script, root, String(seed), String(rounds)]);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return output + errors;
}

test('builds, prunes and removals at once do one another no harm', async () => {
  const store = await testStore();
  const outputs = await Promise.all([1, 2, 3, 4].map((seed) => hammer(store.root, seed, 60)));
  expect(outputs).toEqual(Array(4).fill('done\n'));
  expect(await store.check()).toEqual([]);
  for (const { config } of await store.listImages()) {
    if (config.layers[0] !== undefined) expect(await store.chainOf(config.layers[0])).toEqual(config.layers);
  }
  const report = await store.prune();
  expect(report.garbageFiles).toBe(0);
  expect(await store.check()).toEqual([]);
});

test('many processes can make the same store', async () => {
  const { root } = await testStore();
  const fresh = path.join(path.dirname(root), 'fresh');
  const outputs = await Promise.all([1, 2, 3].map((seed) => hammer(fresh, seed, 1)));
  expect(outputs).toEqual(Array(3).fill('done\n'));
  expect((await Store.open(fresh)).root).toBe(fresh);
});
