/** Layers that a cache gives: bit for bit those that were exported, or refused. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import type { RemoteHit } from '../../src/cache/remote-cache.ts';
import { verifyCache } from '../../src/cache/upkeep.ts';
import { LayerFetcher } from '../../src/transfer/fetch-layers.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { makeLayer, testStore } from '../transfer/support.ts';
import { exportOf, FROM, inMemory, step, testIo, TO, type TestIo } from './support.ts';

interface Exported {
  readonly io: TestIo;
  readonly repository: MemoryRepository;
  /** Leaf first. */
  readonly chain: readonly string[];
}

async function exported(): Promise<Exported> {
  const io = testIo(await testStore());
  const repository = new MemoryRepository();
  const base = await makeLayer(io.store, 1);
  const chain = [await makeLayer(io.store, 2, { parent: base, at: 300_000 }), base];
  const exporter = openExporter([TO], io, inMemory(repository));
  exporter.offer(exportOf(1, chain));
  await exporter.finish();
  return { io, repository, chain };
}

async function fetched(hit: RemoteHit, io: TestIo): Promise<void> {
  const lease = await io.store.lease();
  try {
    await new LayerFetcher(io).fetch(hit.layers, hit.from);
  } finally {
    lease.release();
  }
}

describe('layers of a remote cache', () => {
  test('are the same files elsewhere', async () => {
    const { io, repository, chain } = await exported();
    const elsewhere = testIo(await testStore());
    const importer = openImporter([FROM], elsewhere, inMemory(repository));
    await fetched((await importer.lookup(step(1).key))!, elsewhere);
    for (const id of chain)
      expect(readFileSync(elsewhere.store.layerPath(id)).equals(readFileSync(io.store.layerPath(id)))).toBe(
        true,
      );
    expect((await verifyCache('store', elsewhere, { content: true })).problems).toEqual([]);
  });

  test('with other content are refused and reported, and their cache is asked no more', async () => {
    const { io, repository, chain } = await exported();
    const { blobs } = (await io.store.layerForm(chain[0]))!;
    repository.onPiece = (piece, { request, offset }) => {
      if (request.target !== blobs[0].digest || offset > 0) return piece;
      return Buffer.from(piece).fill(0xff, 100, 101);
    };
    const elsewhere = testIo(await testStore());
    const importer = openImporter([FROM], elsewhere, inMemory(repository));
    const hit = (await importer.lookup(step(1).key))!;
    const reason: unknown = await fetched(hit, elsewhere).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(Error);
    importer.distrust(hit, reason);
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    expect(elsewhere.warnings()).toEqual([
      expect.stringMatching(/^cache registry .*; the build goes on without this cache$/) as string,
    ]);
    expect(await elsewhere.store.layer(chain[0])).toBeUndefined();
    const verdict = await verifyCache('store', elsewhere, { content: true });
    expect(verdict.problems).toEqual([]);
  });

  test('that were swapped for those of another record are refused', async () => {
    const { repository, io } = await exported();
    const other = await makeLayer(io.store, 9);
    const exporter = openExporter([TO], io, inMemory(repository));
    exporter.offer(exportOf(2, [other]));
    await exporter.finish();
    repository.tagged.set(`cache-${step(1).key}`, repository.tagged.get(`cache-${step(2).key}`)!);
    const importer = openImporter([FROM], io, inMemory(repository));
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    expect(io.warnings()).toEqual([expect.stringContaining(`it is the record of ${step(2).key}`) as string]);
  });
});

describe('the cache of the store', () => {
  async function withRecord(): Promise<Exported> {
    const made = await exported();
    await made.io.store.cachePut({ ...step(1), layer: made.chain[0], created: '2026-01-01T00:00:00.000Z' });
    return made;
  }

  test('is found whole', async () => {
    const { io } = await withRecord();
    expect(await verifyCache('store', io, { content: true })).toEqual({
      records: 1,
      layers: 2,
      problems: [],
    });
  });

  test('is found damaged when a layer has other bytes than were exported', async () => {
    const { io, chain } = await withRecord();
    const { openSync, writeSync, closeSync, statSync } = await import('node:fs');
    const file = io.store.layerPath(chain[0]);
    const fd = openSync(file, 'r+');
    writeSync(fd, 'changed', statSync(file).size - 1000);
    closeSync(fd);
    expect((await verifyCache('store', io)).problems).toEqual([]);
    const { problems } = await verifyCache('store', io, { content: true });
    expect(problems.map(({ code }) => code)).toEqual(['STORE_LAYER_DAMAGED']);
  });

  test('is found damaged when a record has other inputs than its key, or lost its layers', async () => {
    const { io } = await withRecord();
    const created = '2026-01-01T00:00:00.000Z';
    await io.store.cachePut({ key: step(2).key, inputs: { scheme: 1 }, created });
    await io.store.cachePut({ ...step(3), layer: 'f'.repeat(32), created });
    const { records, problems } = await verifyCache('store', io);
    expect(records).toBe(3);
    expect(problems.map(({ code }) => code).sort()).toEqual(['CACHE_RECORD', 'STORE_LAYER_MISSING']);
  });
});
