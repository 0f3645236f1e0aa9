/** What arrived before something went wrong is not fetched again. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { blobDescriptor } from '../../src/oci/layer-descriptors.ts';
import type { LayerBlob, ShippedLayer } from '../../src/oci/layer-form.ts';
import type { Store } from '../../src/store/store.ts';
import { fetchBlob, fetchBlobFile } from '../../src/transfer/fetch-blob.ts';
import { LayerFetcher } from '../../src/transfer/fetch-layers.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { LayerSender } from '../../src/transfer/send-layers.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import {
  expectEmpty,
  expectSameLayers,
  ioFor,
  makeImage,
  makeLayer,
  MIB,
  PLATFORM,
  testStore,
} from './support.ts';

const CHUNK_BYTES = 16 * 1024;

async function shipLayer(
  options: { canSeek?: boolean } = {},
): Promise<{ from: Store; registry: MemoryRepository; layer: ShippedLayer; blob: LayerBlob }> {
  const from = await testStore();
  const base = await makeLayer(from, 1, { bytes: 5 * MIB });
  const registry = new MemoryRepository({ chunkBytes: CHUNK_BYTES, ...options });
  const [layer] = await new LayerSender(registry, ioFor(from)).send([base]);
  return { from, registry, layer, blob: layer.form.blobs[0] };
}

/** Connections break after so many bytes of a blob. */
function breakAfter(registry: MemoryRepository, bytes: number): void {
  registry.onPiece = (piece, { offset }) => {
    if (offset >= bytes) throw new HyperfileError('INTERRUPTED');
    return piece;
  };
}

describe('a download that broke', () => {
  for (const canSeek of [true, false]) {
    test(`goes on where it was, from a place that can${canSeek ? '' : 'not'} begin in the middle`, async () => {
      const { from, registry, layer, blob } = await shipLayer({ canSeek });
      const store = await testStore();
      breakAfter(registry, blob.sizeBytes >> 1);
      const first = ioFor(store);
      await expect(new LayerFetcher(first).fetch([layer], registry)).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
      const part = store.incomingPath(blob.digest);
      const { size } = statSync(part);
      expect(size).toBe(Math.ceil((blob.sizeBytes >> 1) / CHUNK_BYTES) * CHUNK_BYTES);
      expect(readFileSync(part).equals(registry.blobs.get(blob.digest)!.subarray(0, size))).toBe(true);
      delete registry.onPiece;
      registry.requests.length = 0;
      const io = ioFor(store);
      await new LayerFetcher(io).fetch([layer], registry);
      expect(registry.requests).toEqual([{ kind: 'readBlob', target: blob.digest, offset: size }]);
      expect(io.movedBytes()).toBe(blob.sizeBytes - size);
      expectSameLayers(from, store, [layer.id]);
      expect(existsSync(part)).toBe(false);
    });
  }

  test('whose part is wrong begins again, by itself', async () => {
    const { from, registry, layer, blob } = await shipLayer();
    const store = await testStore();
    const file = store.claimIncoming(blob.digest);
    writeFileSync(file.path, Buffer.alloc(300_000, 9));
    file.release();
    const io = ioFor(store);
    await new LayerFetcher(io).fetch([layer], registry);
    expectSameLayers(from, store, [layer.id]);
  });

  test('that has all but its last word asks for nothing', async () => {
    const { from, registry, layer, blob } = await shipLayer();
    const store = await testStore();
    const file = store.claimIncoming(blob.digest);
    writeFileSync(file.path, registry.blobs.get(blob.digest)!);
    file.release();
    registry.requests.length = 0;
    await new LayerFetcher(ioFor(store)).fetch([layer], registry);
    expect(registry.requests).toEqual([]);
    expectSameLayers(from, store, [layer.id]);
  });

  test('is ended by its signal, and keeps what it has', async () => {
    const { registry, layer, blob } = await shipLayer();
    const store = await testStore();
    const stop = new AbortController();
    registry.onPiece = (piece, { offset }) => {
      if (offset > 100_000) stop.abort();
      return piece;
    };
    const fetching = new LayerFetcher(ioFor(store, { signal: stop.signal })).fetch([layer], registry);
    await expect(fetching).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(statSync(store.incomingPath(blob.digest)).size).toBeGreaterThan(0);
    store.close();
    expectEmpty(store, [`incoming/${blob.digest.slice(7)}`]);
  });
});

describe('two at the same time', () => {
  test('of one process fetch a layer once', async () => {
    const { registry, layer } = await shipLayer();
    const store = await testStore();
    const fetcher = new LayerFetcher(ioFor(store));
    await Promise.all([fetcher.fetch([layer], registry), fetcher.fetch([layer], registry)]);
    expect(registry.count('readBlob')).toBe(1);
  });

  test('that know nothing of each other both succeed', async () => {
    const { from, registry, layer } = await shipLayer();
    const store = await testStore();
    const other = await testStore(store.root);
    await Promise.all(
      [store, other, store].map((one) => new LayerFetcher(ioFor(one)).fetch([layer], registry)),
    );
    expectSameLayers(from, store, [layer.id]);
    store.close();
    other.close();
    expect((await store.prune()).garbageFiles).toBe(0);
  });

  test('pull the same image, and one that failed does not fail the other', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here, { layers: 4 });
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    const stop = new AbortController();
    const pull = { repository: registry, reference: '1', name: 'web', platform: PLATFORM };
    const one = pullImage(pull, ioFor(there, { signal: stop.signal }));
    const two = pullImage(pull, ioFor(there));
    registry.onPiece = (piece) => {
      stop.abort();
      return piece;
    };
    await expect(one).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await two).toMatchObject({ id: image.id });
    expectSameLayers(here, there, image.config.layers);
  });
});

describe('a blob by itself', () => {
  test('passes as a stream, and nothing of it stays', async () => {
    const { registry, blob } = await shipLayer();
    const store = await testStore();
    const pieces: Uint8Array[] = [];
    for await (const piece of fetchBlob(registry, blobDescriptor(blob), ioFor(store))) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(registry.blobs.get(blob.digest)!)).toBe(true);
    expectEmpty(store);
  });

  test('comes as a file, which begins again when an old part was wrong', async () => {
    const { registry, blob } = await shipLayer();
    const store = await testStore();
    const part = store.claimIncoming(blob.digest);
    writeFileSync(part.path, 'wrong');
    part.release();
    const file = await fetchBlobFile(registry, blobDescriptor(blob), ioFor(store));
    expect(readFileSync(file.path).equals(registry.blobs.get(blob.digest)!)).toBe(true);
    file.remove();
    expectEmpty(store);
  });
});

test('an upload that broke is made again with the next push, and what is there stays', async () => {
  const store = await testStore();
  const image = await makeImage(store, { layers: 4 });
  const registry = new MemoryRepository();
  let pushed = 0;
  registry.onRequest = ({ kind }) => {
    if (kind === 'pushBlob' && ++pushed > 2) throw new HyperfileError('INTERRUPTED');
  };
  const push = { image, target: registry, tag: '1' };
  await expect(pushImage(push, ioFor(store))).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(registry.tagged.size).toBe(0);
  delete registry.onRequest;
  const there = [...registry.blobs.keys()];
  registry.requests.length = 0;
  const digest = await pushImage(push, ioFor(store));
  for (const blob of there) expect(registry.count('pushBlob', blob)).toBe(0);
  const other = new MemoryRepository();
  expect(await pushImage({ ...push, target: other }, ioFor(store))).toBe(digest);
  store.close();
  expect((await store.prune()).garbageFiles).toBe(0);
});
