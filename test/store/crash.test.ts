/** Kills real processes between any two changes they make to a store, and looks at what they leave. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { imageOf, keyOf, makeChain, makeLayer, putRecord, testFolder, testStore } from './support.ts';

const HERE = import.meta.dirname;
const MAX_OPERATIONS = 200;

/** Runs a scenario that dies in its n-th change. False when it came to its end before. */
function killAt(root: string, scenario: string, operation: number): boolean {
  const args = ['--import', path.join(HERE, 'kill-at.ts'), path.join(HERE, 'scenario.ts'), root, scenario];
  const result = spawnSync(process.execPath, args, {
    env: { ...process.env, KILL_AT: String(operation) },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (result.signal === 'SIGKILL') return true;
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
  return false;
}

/** A store with an image called web, a cached layer that is not in it, and things a prune would take. */
async function exampleStore(): Promise<{ root: string; chain: string[]; web: string; cached: string }> {
  const store = await testStore();
  const chain = await makeChain(store, 2);
  const web = await store.putImage(imageOf(chain));
  await store.tag('web', web);
  const cached = await makeLayer(store, chain[0]);
  await putRecord(store, 1, chain[0]);
  await putRecord(store, 2, cached);
  await store.putImage(imageOf([await makeLayer(store)], 'nameless'));
  writeFileSync(store.layerPath('0123456789abcdef0123456789abcdef'), 'half');
  store.close();
  return { root: store.root, chain, web, cached };
}

/** Tries a scenario on copies of a store, killed at one operation after the other. */
async function forEachKill(
  from: string,
  scenario: string,
  look: (store: Store, killed: boolean) => Promise<void>,
): Promise<void> {
  for (let operation = 1; ; operation++) {
    expect(operation).toBeLessThan(MAX_OPERATIONS);
    const root = path.join(testFolder(), 'store');
    cpSync(from, root, { recursive: true });
    const killed = killAt(root, scenario, operation);
    const store = await Store.open(root);
    await look(store, killed);
    store.close();
    if (!killed) return;
  }
}

function filesOf(store: Store): string[] {
  const names = readdirSync(store.root, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => !/unfinished-|^locks.|^cache.(..)$/.test(name)).sort();
}

describe('a process killed at any moment', () => {
  test('while it prunes, leaves everything that is referenced, and the next prune finishes', async () => {
    const { root, chain, web, cached } = await exampleStore();
    const pruned = path.join(testFolder(), 'pruned');
    cpSync(root, pruned, { recursive: true });
    const whole = await Store.open(pruned);
    await whole.prune();
    await forEachKill(root, 'prune', async (store) => {
      expect(await store.check()).toEqual([]);
      expect((await store.image('web')).id).toBe(web);
      expect(await store.chainOf(chain[0])).toEqual(chain);
      expect((await store.cacheGet(keyOf(1)))!.layer).toBe(chain[0]);
      const record = await store.cacheGet(keyOf(2));
      if (record !== undefined) expect(await store.chainOf(cached)).toEqual([cached, ...chain]);
      await store.prune();
      expect(filesOf(store)).toEqual(filesOf(whole));
    });
  });

  test('while it builds, leaves the old image or the new one under the name, each whole', async () => {
    const { root, web } = await exampleStore();
    await forEachKill(root, 'build', async (store, killed) => {
      expect(await store.check()).toEqual([]);
      const { id, config } = await store.image('web');
      if (!killed) expect(id).not.toBe(web);
      expect(await store.chainOf(config.layers[0])).toEqual(config.layers);
      const record = await store.cacheGet(keyOf(9));
      if (record?.layer !== undefined) expect(await store.chainOf(record.layer)).toHaveLength(2);
      await store.prune();
      expect(await store.check()).toEqual([]);
      const kept = readdirSync(path.join(store.root, 'layers')).filter((name) => name.endsWith('.vhdx'));
      expect(kept.sort()).toEqual(config.layers.map((layer) => `${layer}.vhdx`).sort());
    });
  });

  test('while it removes an image, leaves the name whole or gone', async () => {
    const { root, web } = await exampleStore();
    await forEachKill(root, 'remove', async (store, killed) => {
      expect(await store.check()).toEqual([]);
      const image = await store.findImage('web');
      if (!killed) expect(image).toBeUndefined();
      else expect([web, undefined]).toContain(image?.id);
      expect(await store.tag('next', (await store.listImages())[0].id)).toBe('next:latest');
    });
  });
});

test('what a killed process had not finished is gone when the store is opened again', async () => {
  const { root, chain } = await exampleStore();
  const killed = `import { Store } from '${path.resolve(HERE, '../../src/store/store.ts')}';
    import { writeFileSync } from 'node:fs';
    import { tryLock } from '${path.resolve(HERE, '../../src/base/lock.ts')}';
    import { unfinishedName } from '${path.resolve(HERE, '../../src/base/atomic-file.ts')}';
    const store = await Store.open(${JSON.stringify(root)});
    await store.chainOf('${chain[0]}');
    const { id, path } = store.newLayer();
    tryLock(${JSON.stringify(path.join(root, 'locks', 'names'))});
    writeFileSync(path, 'half');
    writeFileSync(path.replace(id, '.unfinished-' + id), 'half');
    writeFileSync(unfinishedName(path), 'half');
    process.kill(process.pid, 'SIGKILL');`;
  const before = readdirSync(path.join(root, 'layers'));
  spawnSync(process.execPath, ['--input-type=module', '--eval', killed], { stdio: 'inherit' });
  expect(readdirSync(path.join(root, 'layers'))).toHaveLength(before.length + 3);
  const store = await Store.open(root);
  expect(readdirSync(path.join(root, 'layers'))).toEqual(before);
  for (const folder of ['leases', 'locks']) expect(readdirSync(path.join(root, folder))).toEqual([]);
  expect(await store.check()).toEqual([]);
});

test('a file half written under an unfinished name goes with a later prune', async () => {
  const { root } = await exampleStore();
  const file = path.join(root, 'names', '.unfinished-00');
  appendFileSync(file, '{');
  const store = await Store.open(root);
  await store.prune();
  expect(readdirSync(path.dirname(file))).toContain('.unfinished-00');
  utimesSync(file, 0, 0);
  await store.prune();
  expect(readdirSync(path.dirname(file))).not.toContain('.unfinished-00');
});
