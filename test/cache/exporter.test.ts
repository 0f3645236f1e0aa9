/** Exporting a build while it runs, to repositories in memory that fail as they are told. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import type { CacheExporter } from '../../src/cache/remote-cache.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { testStore } from '../store/support.ts';
import { exportOf, FROM, inMemory, step, storedLayer, testIo, TO, type TestIo } from './support.ts';

interface Setting {
  readonly io: TestIo;
  readonly exporter: CacheExporter;
  readonly repository: MemoryRepository;
  /** Ids of layers in the store, leaf first. */
  readonly chain: readonly string[];
}

async function setting(option = TO, options: Parameters<typeof testIo>[1] = {}): Promise<Setting> {
  const repository = new MemoryRepository();
  const store = await testStore();
  const io = testIo(store, options);
  const base = await storedLayer(store, randomBytes(3000));
  const chain = [await storedLayer(store, randomBytes(2000), base), base];
  return { io, repository, chain, exporter: openExporter([option], io, inMemory(repository)) };
}

describe('an export', () => {
  test('is found by an importer elsewhere', async () => {
    const { exporter, repository, chain, io } = await setting();
    exporter.offer(exportOf(1, chain.slice(1)));
    exporter.offer(exportOf(2, chain));
    await exporter.finish();
    const importer = openImporter([FROM], io, inMemory(repository));
    const hit = await importer.lookup(step(2).key);
    expect(hit).toMatchObject({ ...step(2), origin: 'registry' });
    expect(hit?.layers.map(({ id }) => id)).toEqual(chain);
    expect((await importer.lookup(step(1).key))?.layers.map(({ id }) => id)).toEqual(chain.slice(1));
    expect(io.warnings()).toEqual([]);
  });

  test('sends each layer once, however many records name it', async () => {
    const { exporter, repository, chain } = await setting();
    for (let number = 0; number < 10; number++) exporter.offer(exportOf(number, chain));
    await exporter.finish();
    const pushes = repository.requests.filter(({ kind }) => kind === 'pushBlob').map(({ target }) => target);
    expect(new Set(pushes).size).toBe(pushes.length);
    expect(repository.tagged.size).toBe(10);
  });

  test('leaves a record alone that is there', async () => {
    const { exporter, repository, chain, io } = await setting();
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    const asked = repository.requests.length;
    const again = openExporter([TO], io, inMemory(repository));
    again.offer(exportOf(1, chain));
    await again.finish();
    expect(repository.requests.slice(asked).map(({ kind }) => kind)).toEqual(['resolve']);
  });

  test('replaces a record that was refused', async () => {
    const { io, repository, chain } = await setting(TO);
    const { key } = step(1);
    const exporter = openExporter([TO], { ...io, refused: new Set([key]) }, inMemory(repository));
    repository.tagged.set(`cache-${key}`, 'sha256:nothing');
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    expect(repository.tagged.get(`cache-${key}`)).not.toBe('sha256:nothing');
  });

  test('in mode=min is only of the image that is built', async () => {
    const { exporter, repository, chain } = await setting({ ...TO, mode: 'min' });
    exporter.offer(exportOf(1, chain, false));
    exporter.offer(exportOf(2, chain, true));
    exporter.offer(exportOf(1, chain.slice(1), false));
    await exporter.finish();
    expect([...repository.tagged.keys()]).toEqual([`cache-${step(2).key}`]);
  });

  test('that never ends does not keep a finished build waiting', async () => {
    const { exporter, repository, chain, io } = await setting({ ...TO, timeoutMs: 300 });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    repository.onRequest = ({ kind }) => (kind === 'putManifest' ? released : undefined);
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    release();
    await exporter.close();
    expect(io.warnings()).toEqual([expect.stringContaining('no answer within 0.3 s')]);
  });

  test('of a small value needs no layer', async () => {
    const { exporter, repository, io } = await setting();
    exporter.offer({
      key: 'tree-1',
      inputs: null,
      created: '2026-01-01T00:00:00.000Z',
      layers: [],
      value: 'v',
      isOfTarget: true,
    });
    await exporter.finish();
    expect(await openImporter([FROM], io, inMemory(repository)).lookup('tree-1')).toMatchObject({
      value: 'v',
    });
  });

  test('copies what came from another cache and never was in the store', async () => {
    const { exporter, repository, chain, io } = await setting();
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    const hit = (await openImporter([FROM], io, inMemory(repository)).lookup(step(1).key))!;
    const second = new MemoryRepository({ name: 'second' });
    const elsewhere = testIo(await testStore());
    const copier = openExporter([TO], elsewhere, inMemory(second));
    copier.offer({ ...exportOf(1, chain), hit });
    await copier.finish();
    expect(elsewhere.warnings()).toEqual([]);
    expect([...second.blobs.keys()].sort()).toEqual([...repository.blobs.keys()].sort());
    expect(second.tagged).toEqual(repository.tagged);
  });
});

describe('a cache that takes nothing', () => {
  const down = (): never => {
    throw new Error('connect ECONNREFUSED');
  };

  test('gives one warning, and the build is finished', async () => {
    const { exporter, repository, chain, io } = await setting();
    repository.onRequest = down;
    for (let number = 0; number < 5; number++) exporter.offer(exportOf(number, chain));
    await exporter.finish();
    const asked = repository.requests.length;
    exporter.offer(exportOf(6, chain));
    await exporter.finish();
    expect(repository.requests.length).toBe(asked);
    expect(io.warnings()).toEqual([
      'cache registry 127.0.0.1:1/cache: connect ECONNREFUSED; the build is not exported to it',
    ]);
  });

  test('fails the build when ignore-error=false says so', async () => {
    const { exporter, repository, chain, io } = await setting({ ...TO, ignoreError: false });
    repository.onRequest = down;
    exporter.offer(exportOf(1, chain));
    await expect(exporter.finish()).rejects.toMatchObject({ code: 'CACHE_EXPORT_FAILED', exitStatus: 6 });
    expect(io.warnings()).toEqual([]);
    await exporter.close();
  });

  test('does not keep another one from getting everything', async () => {
    const { io, chain } = await setting();
    const [broken, whole] = [new MemoryRepository(), new MemoryRepository()];
    broken.onRequest = down;
    const exporter = openExporter([TO, { ...TO }], io, inMemory(broken, whole));
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    expect(whole.tagged.size).toBe(1);
    expect(io.warnings()).toHaveLength(1);
  });

  test('breaking off in the middle of a layer is one warning, and no record names the layer', async () => {
    const { exporter, repository, chain, io } = await setting();
    repository.onPiece = () => {
      throw new Error('socket hang up');
    };
    exporter.offer(exportOf(1, chain));
    await exporter.finish();
    expect(io.warnings()).toHaveLength(1);
    expect(repository.tagged.size).toBe(0);
  });
});

test('two exporters at once on one cache lose nothing', async () => {
  const repository = new MemoryRepository();
  const settings = await Promise.all([setting(), setting()]);
  await Promise.all(
    settings.map(async ({ io, chain }, which) => {
      const exporter = openExporter([TO], io, inMemory(repository));
      for (let number = 0; number < 20; number++) exporter.offer(exportOf(which * 10 + number, chain));
      await exporter.finish();
      await exporter.close();
    }),
  );
  const { io } = settings[0];
  const importer = openImporter([FROM], io, inMemory(repository));
  const keys = Array.from({ length: 30 }, (_, number) => step(number).key);
  const hits = await Promise.all(keys.map((key) => importer.lookup(key)));
  expect(hits.filter((hit) => hit === undefined)).toEqual([]);
  expect(settings.flatMap((one) => one.io.warnings())).toEqual([]);
});

test('a build that is given up stops exporting', async () => {
  const stop = new AbortController();
  const { exporter, repository, chain, io } = await setting(TO, { signal: stop.signal });
  repository.onRequest = ({ kind }) => {
    if (kind === 'pushBlob') stop.abort();
  };
  exporter.offer(exportOf(1, chain));
  await expect(exporter.finish()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await exporter.close();
  expect(repository.tagged.size).toBe(0);
  expect(io.warnings()).toEqual([]);
});

test('nothing is opened when nothing is exported, and an inline cache is the image itself', async () => {
  const io = testIo(await testStore());
  const unopened = openExporter([TO], io, () => Promise.reject(new Error('opened')));
  await unopened.finish();
  const inline = openExporter([{ type: 'inline', name: 'inline', mode: 'min', ignoreError: true }], io);
  inline.offer(exportOf(1, ['0'.repeat(32)]));
  await inline.finish();
  expect(io.warnings()).toEqual([]);
});
