import { appendFileSync, existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { keyOf, makeChain, makeLayer, putRecord, testFolder, testStore } from './support.ts';

describe('opening a store', () => {
  test('a new store is made in a folder that is not there, and found again', async () => {
    const root = path.join(testFolder(), 'deep', 'store');
    await Store.open(root);
    const again = await Store.open(root);
    expect(again.root).toBe(root);
    expect(readdirSync(root)).toEqual(
      expect.arrayContaining(['version', 'layers', 'images', 'names', 'cache']),
    );
  });

  test('a store of a newer format is refused, naming both versions', async () => {
    const { root } = await testStore();
    writeFileSync(path.join(root, 'version'), '7\n');
    await expect(Store.open(root)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      data: { found: 7, known: 1 },
    });
  });

  test('a version file that holds no number is an error that says so', async () => {
    const { root } = await testStore();
    writeFileSync(path.join(root, 'version'), 'one');
    await expect(Store.open(root)).rejects.toMatchObject({ code: 'STORE_VERSION_DAMAGED' });
  });

  test('no store is made among the files of something else', async () => {
    const root = testFolder();
    writeFileSync(path.join(root, 'thesis.txt'), '');
    await expect(Store.open(root)).rejects.toMatchObject({
      code: 'STORE_NOT_A_STORE',
      data: { found: 'thesis.txt' },
    });
    expect(readdirSync(root)).toEqual(['thesis.txt']);
  });

  test('a store whose making was cut short is finished', async () => {
    const { root } = await testStore();
    rmSync(path.join(root, 'version'));
    rmSync(path.join(root, 'memo'), { recursive: true });
    const store = await Store.open(root);
    await store.memoSet('a', 'b');
    expect(await store.memoGet('a')).toBe('b');
  });

  test('a path through a file is an error that says which', async () => {
    const file = path.join(testFolder(), 'file');
    writeFileSync(file, '');
    await expect(Store.open(path.join(file, 'store'))).rejects.toMatchObject({ code: 'STORE_ACCESS' });
  });
});

describe('layers', () => {
  test('a sealed layer is recorded with its sizes and its parent', async () => {
    const store = await testStore();
    const base = await makeLayer(store, undefined, 10_000);
    const leaf = await makeLayer(store, base, 1);
    expect(await store.layer(base)).toMatchObject({ id: base, fileBytes: 10_000 });
    expect((await store.layer(base))!.allocatedBytes).toBeGreaterThanOrEqual(10_000);
    expect(await store.layer(leaf)).toMatchObject({ parent: base, fileBytes: 1 });
    expect(await store.chainOf(leaf)).toEqual([leaf, base]);
  });

  test('layers and sandboxes lie side by side, named by their ids', async () => {
    const store = await testStore();
    const { id, path: file } = store.newLayer();
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(file).toBe(path.join(store.root, 'layers', `${id}.vhdx`));
    expect(store.chainPaths([id])).toEqual([file]);
  });

  test('a layer that was not sealed does not exist', async () => {
    const store = await testStore();
    const { id, path: file } = store.newLayer();
    writeFileSync(file, 'half');
    expect(await store.layer(id)).toBeUndefined();
    await expect(store.chainOf(id)).rejects.toMatchObject({ code: 'STORE_LAYER_MISSING' });
  });

  test('sealing a file that is not there says which layer is missing', async () => {
    const store = await testStore();
    const { id } = store.newLayer();
    await expect(store.sealLayer({ id })).rejects.toMatchObject({
      code: 'STORE_LAYER_MISSING',
      data: { layer: id },
    });
  });

  test('a layer cut short is damaged, and the chain above it says so', async () => {
    const store = await testStore();
    const [leaf, base] = await makeChain(store, 2);
    store.close();
    truncateSync(store.layerPath(base), 100);
    await expect(store.layer(base)).rejects.toMatchObject({
      code: 'STORE_LAYER_DAMAGED',
      data: { layer: base },
    });
    await expect(store.chainOf(leaf)).rejects.toMatchObject({ code: 'STORE_LAYER_DAMAGED', exitStatus: 4 });
  });

  test.each(['', '{', '[]', '{"id":"x"}', '{"fileBytes":-1}'])(
    'a record torn to %j is damage, not a crash',
    async (text) => {
      const store = await testStore();
      const id = await makeLayer(store);
      store.close();
      writeFileSync(path.join(store.root, 'layers', `${id}.json`), text);
      await expect(store.chainOf(id)).rejects.toMatchObject({ code: 'STORE_LAYER_DAMAGED' });
    },
  );

  test('records that name each other as parents end in an error, not in a hang', async () => {
    const store = await testStore();
    const [leaf, base] = await makeChain(store, 2);
    store.close();
    const record = await store.layer(base);
    writeFileSync(
      path.join(store.root, 'layers', `${base}.json`),
      JSON.stringify({ ...record, parent: leaf }),
    );
    await expect(store.chainOf(leaf)).rejects.toMatchObject({ code: 'STORE_LAYER_DAMAGED' });
  });

  test('an id that is no id reaches no file', async () => {
    const store = await testStore();
    await expect(store.chainOf('../../etc/passwd')).rejects.toMatchObject({ code: 'STORE_LAYER_DAMAGED' });
  });

  test('a discarded sandbox is gone; a sealed layer cannot be discarded', async () => {
    const store = await testStore();
    const { id, path: file } = store.newLayer();
    appendFileSync(file, 'half');
    store.discardLayer(id);
    store.discardLayer(id);
    expect(existsSync(file)).toBe(false);
    const sealed = await makeLayer(store);
    store.discardLayer(sealed);
    expect(await store.layer(sealed)).toBeDefined();
  });
});

describe('cache records', () => {
  test('a record comes back as it was put, with or without a layer', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    await putRecord(store, 1, layer);
    await putRecord(store, 2);
    expect(await store.cacheGet(keyOf(1))).toMatchObject({ key: keyOf(1), inputs: { number: 1 }, layer });
    expect(await store.cacheGet(keyOf(2))).not.toHaveProperty('layer');
    expect(await store.cacheGet(keyOf(3))).toBeUndefined();
  });

  test('a record whose layer, or a layer below it, is gone is a miss', async () => {
    const store = await testStore();
    const [leaf, base] = await makeChain(store, 2);
    await putRecord(store, 1, leaf);
    store.close();
    expect(await store.cacheGet(keyOf(1))).toBeDefined();
    rmSync(store.layerPath(base));
    expect(await store.cacheGet(keyOf(1))).toBeUndefined();
  });

  test('the last of two records for one key stands, and both layers stay', async () => {
    const store = await testStore();
    const [one, two] = [await makeLayer(store), await makeLayer(store)];
    await Promise.all([putRecord(store, 1, one), putRecord(store, 1, two)]);
    expect([one, two]).toContain((await store.cacheGet(keyOf(1)))!.layer);
    expect(await store.layer(one)).toBeDefined();
  });

  test.each(['', '{"key":', 'null', '{"key":"other","created":""}'])(
    'a record torn to %j is a miss',
    async (text) => {
      const store = await testStore();
      await putRecord(store, 1);
      writeFileSync(path.join(store.root, 'cache', '00', `${keyOf(1)}.json`), text);
      expect(await store.cacheGet(keyOf(1))).toBeUndefined();
    },
  );
});

describe('memos', () => {
  test('a value is remembered under any key, and replaced', async () => {
    const store = await testStore();
    const key = 'tree of /a\n"b" \u{1f600}';
    expect(await store.memoGet(key)).toBeUndefined();
    await store.memoSet(key, 'one');
    await store.memoSet(key, 'two\n');
    expect(await store.memoGet(key)).toBe('two\n');
  });
});
