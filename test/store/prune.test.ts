import { existsSync, linkSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { acquireLock } from '../../src/base/lock.ts';
import { Store } from '../../src/store/store.ts';
import { imageOf, keyOf, makeChain, makeLayer, putRecord, testFolder, testStore } from './support.ts';

const HOUR_MS = 3_600_000;

/** Makes a cache record look as if it was last used some hours ago. */
function age(store: Store, number: number, hours: number): void {
  const then = new Date(Date.now() - hours * HOUR_MS);
  utimesSync(path.join(store.root, 'cache', '00', `${keyOf(number)}.json`), then, then);
}

async function layersOf(store: Store): Promise<string[]> {
  const ids = readdirSync(path.join(store.root, 'layers')).filter((name) => name.endsWith('.vhdx'));
  const records = await Promise.all(ids.map((name) => store.layer(name.slice(0, 32))));
  return records.map((record) => record!.id).sort();
}

describe('a prune', () => {
  test('keeps the layers of named images and frees cached ones that no image holds', async () => {
    const store = await testStore();
    const chain = await makeChain(store, 3);
    const other = await makeLayer(store, chain[2]);
    await putRecord(store, 1, chain[0]);
    await putRecord(store, 2, other);
    await store.tag('web', await store.putImage(imageOf(chain)));
    store.close();
    const freed = (await store.layer(other))!.allocatedBytes;
    const report = await store.prune();
    expect(report).toMatchObject({ layers: [other], cacheRecords: 1, images: [], garbageFiles: 0 });
    expect(report.freedBytes).toBeGreaterThanOrEqual(freed);
    expect(await layersOf(store)).toEqual([...chain].sort());
    expect(await store.cacheGet(keyOf(1))).toBeDefined();
    expect(await store.cacheGet(keyOf(2))).toBeUndefined();
  });

  test('removes images without a name, and the layers only they held, leaf first', async () => {
    const store = await testStore();
    const [leaf, base] = await makeChain(store, 2);
    await store.tag('base', await store.putImage(imageOf([base])));
    const nameless = await store.putImage(imageOf([leaf, base]));
    store.close();
    expect(await store.prune()).toMatchObject({ images: [nameless], layers: [leaf] });
    expect((await store.image('base')).config.layers).toEqual([base]);
    expect(await store.check()).toEqual([]);
  });

  test('says what would go and removes nothing when asked to', async () => {
    const store = await testStore();
    const [layer] = await makeChain(store, 1);
    await putRecord(store, 1, layer);
    store.close();
    const would = await store.prune({ dryRun: true });
    expect(would).toMatchObject({ layers: [layer], cacheRecords: 1 });
    expect(await store.cacheGet(keyOf(1))).toBeDefined();
    expect(await store.prune()).toEqual(would);
    expect(await layersOf(store)).toEqual([]);
  });

  test('spares what was used recently when told an age', async () => {
    const store = await testStore();
    const [young, old] = [await makeLayer(store), await makeLayer(store)];
    await putRecord(store, 1, young);
    await putRecord(store, 2, old);
    age(store, 1, 2);
    age(store, 2, 30);
    store.close();
    expect(await store.prune({ olderThanMs: 24 * HOUR_MS })).toMatchObject({ layers: [old], images: [] });
    expect(await store.cacheGet(keyOf(1))).toBeDefined();
  });

  test('a hit counts as a use', async () => {
    const store = await testStore();
    await putRecord(store, 1, await makeLayer(store));
    age(store, 1, 30);
    await store.cacheGet(keyOf(1));
    store.close();
    expect(await store.prune({ olderThanMs: HOUR_MS })).toMatchObject({ layers: [], cacheRecords: 0 });
  });

  test('keeps the most recently used layers within a size, never the older before the newer', async () => {
    const store = await testStore();
    const big = 100 * 4096;
    const sizes = [4096, big, 4096];
    const layers: string[] = [];
    for (const [number, size] of sizes.entries()) {
      layers.push(await makeLayer(store, undefined, size));
      await putRecord(store, number, layers[number]);
      age(store, number, number + 1);
    }
    store.close();
    expect(await store.prune({ keepBytes: 10 * 4096, dryRun: true })).toMatchObject({ cacheRecords: 2 });
    const room =
      (await store.layer(layers[0]))!.allocatedBytes + (await store.layer(layers[1]))!.allocatedBytes;
    await store.prune({ keepBytes: room });
    expect(await layersOf(store)).toEqual([layers[0], layers[1]].sort());
  });

  test('with all, lets go of every record but of no image', async () => {
    const store = await testStore();
    const [layer] = await makeChain(store, 1);
    await putRecord(store, 1, layer);
    await store.memoSet('a', 'b');
    await store.tag('web', await store.putImage(imageOf([layer])));
    store.close();
    expect(await store.prune({ all: true })).toMatchObject({ layers: [], cacheRecords: 1 });
    expect(await store.memoGet('a')).toBeUndefined();
    expect(await store.check()).toEqual([]);
    expect((await store.image('web')).config.layers).toEqual([layer]);
  });

  test('removes the unfinished layers of builds that are gone, and nothing that is not its own', async () => {
    const store = await testStore();
    const lost = store.layerPath('0123456789abcdef0123456789abcdef');
    writeFileSync(lost, Buffer.alloc(8192, 1));
    store.close();
    const foreign = path.join(store.root, 'layers', 'notes.vhdx');
    writeFileSync(foreign, '');
    const report = await store.prune();
    expect(report).toMatchObject({ garbageFiles: 1, layers: [] });
    expect(report.freedBytes).toBeGreaterThanOrEqual(8192);
    expect(existsSync(lost)).toBe(false);
    expect(existsSync(foreign)).toBe(true);
  });

  test('removes damaged layers that nothing named needs, and records that lead to them', async () => {
    const store = await testStore();
    const [leaf, base] = await makeChain(store, 2);
    await putRecord(store, 1, leaf);
    store.close();
    truncateSync(store.layerPath(base), 1);
    expect(await store.prune()).toMatchObject({ layers: [leaf], cacheRecords: 1, garbageFiles: 2 });
    expect(readdirSync(path.join(store.root, 'layers'))).toEqual([]);
  });

  test('takes nothing from a named image, however damaged it is', async () => {
    const store = await testStore();
    const chain = await makeChain(store, 3);
    const id = await store.putImage(imageOf(chain));
    await store.tag('web', id);
    store.close();
    rmSync(store.layerPath(chain[1]));
    const file = path.join(store.root, 'images', `${id.slice(7)}.json`);
    writeFileSync(file, JSON.stringify({ layers: chain }));
    expect(await store.prune({ all: true })).toMatchObject({ layers: [], garbageFiles: 0, images: [] });
    expect(existsSync(store.layerPath(chain[0]))).toBe(true);
    expect(existsSync(store.layerPath(chain[2]))).toBe(true);
    expect(existsSync(file)).toBe(true);
  });

  test('a base that is hard-linked into the store frees nothing', async () => {
    const store = await testStore();
    const { id, path: file } = store.newLayer();
    const own = path.join(testFolder(), 'golden.vhdx');
    writeFileSync(own, Buffer.alloc(100_000, 1));
    linkSync(own, file);
    await store.sealLayer({ id });
    store.close();
    const report = await store.prune();
    expect(report.layers).toEqual([id]);
    expect(report.freedBytes).toBeLessThan(100_000);
    expect(existsSync(own)).toBe(true);
  });
});

describe('a lease', () => {
  test('protects layers in the making, and all that was sealed, until it ends', async () => {
    const store = await testStore();
    const lease = await store.lease();
    const layer = await makeLayer(store);
    const sandbox = store.newLayer();
    writeFileSync(sandbox.path, 'half');
    const other = await Store.open(store.root);
    expect(await other.prune({ all: true })).toMatchObject({ layers: [], garbageFiles: 0 });
    lease.release();
    expect(existsSync(sandbox.path)).toBe(false);
    expect(await other.prune({ all: true })).toMatchObject({ layers: [layer], garbageFiles: 0 });
  });

  test('protects the chain of a hit and of an image that was looked up', async () => {
    const store = await testStore();
    const chain = await makeChain(store, 2);
    const image = await store.putImage(imageOf(await makeChain(store, 2)));
    await putRecord(store, 1, chain[0]);
    store.close();
    const lease = await store.lease();
    await store.cacheGet(keyOf(1));
    await store.image(image);
    const other = await Store.open(store.root);
    expect(await other.prune({ all: true })).toMatchObject({ layers: [], images: [] });
    await store.tag('late', image);
    lease.release();
    expect(await other.prune({ all: true })).toMatchObject({ layers: chain, images: [] });
  });

  test('lasts until its last holder lets go', async () => {
    const store = await testStore();
    const [one, two] = [await store.lease(), await store.lease()];
    const layer = await makeLayer(store);
    one.release();
    one.release();
    expect(await store.prune()).toMatchObject({ layers: [] });
    two.release();
    expect(await store.prune()).toMatchObject({ layers: [layer] });
  });

  test('taken while a prune is under way, waits for it and says what is gone', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    await putRecord(store, 1, layer);
    store.close();
    const waits: number[] = [];
    const other = await Store.open(store.root, { onWait: ({ pid }) => waits.push(pid) });
    const pruning = await acquireLock(path.join(store.root, 'locks', 'prune'));
    const building = await other.lease();
    const hit = other.cacheGet(keyOf(1));
    const named = other.lease([layer]).then(
      () => 'there',
      (error: unknown) => (error as { code: string }).code,
    );
    rmSync(store.layerPath(layer));
    pruning.release();
    expect(await hit).toBeUndefined();
    expect(await named).toBe('STORE_LAYER_MISSING');
    expect(waits).toContain(process.pid);
    building.release();
    other.close();
  });

  test('of a process that is gone protects nothing and is removed', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    store.close();
    const file = path.join(store.root, 'leases', '999999999-1-0-1.00000000');
    writeFileSync(file, `${layer}\n`);
    expect(await store.prune()).toMatchObject({ layers: [layer] });
    expect(existsSync(file)).toBe(false);
  });
});
