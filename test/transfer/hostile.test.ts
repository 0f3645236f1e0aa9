/** What comes from elsewhere lies: every lie is refused by name, and nothing of it stays in the store. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { formOf } from '../../src/blob/form.ts';
import { packPart } from '../../src/blob/pack-part.ts';
import { planParts } from '../../src/blob/parts.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { LayerForm, ShippedLayer } from '../../src/oci/layer-form.ts';
import type { Store } from '../../src/store/store.ts';
import { LayerFetcher } from '../../src/transfer/fetch-layers.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { LayerSender } from '../../src/transfer/send-layers.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import {
  expectEmpty,
  filesOf,
  ioFor,
  makeImage,
  makeLayer,
  MIB,
  PLATFORM,
  testFolder,
  testStore,
} from './support.ts';

const ID = 'ab'.repeat(16);
const NAME = 'host.test/web:1';

/** A repository that has a file as a layer's only blob, and what is said of it. */
async function shipFile(bytes: Uint8Array): Promise<{ registry: MemoryRepository; form: LayerForm }> {
  const file = path.join(testFolder(), 'file');
  writeFileSync(file, bytes);
  const parts = planParts(file);
  const blob = await packPart(file, parts[0], `${file}.blob`);
  const registry = new MemoryRepository();
  registry.addBlob(readFileSync(`${file}.blob`));
  return { registry, form: formOf(file, parts, [blob]) };
}

/** A base and a difference that were pushed from another store. */
async function shipChain(
  seed = 1,
): Promise<{ from: Store; registry: MemoryRepository; chain: ShippedLayer[] }> {
  const from = await testStore();
  const base = await makeLayer(from, seed);
  const leaf = await makeLayer(from, seed + 1, { parent: base, at: MIB });
  const registry = new MemoryRepository();
  const chain = await new LayerSender(registry, ioFor(from)).send([leaf, base]);
  return { from, registry, chain };
}

async function expectRefused(
  registry: MemoryRepository,
  layers: readonly ShippedLayer[],
  code: string,
  there?: Store,
): Promise<void> {
  const store = there ?? (await testStore());
  const before = filesOf(store);
  await expect(new LayerFetcher(ioFor(store)).fetch(layers, registry)).rejects.toMatchObject({ code });
  store.close();
  expect(filesOf(store)).toEqual(before);
}

describe('a blob', () => {
  test('of which a byte was changed on the way', async () => {
    const { registry, chain } = await shipChain();
    const base = chain[1];
    const size = base.form.blobs[0].sizeBytes;
    for (const at of [10, size >> 1, size - 1]) {
      registry.onPiece = (piece, { offset }) => {
        const copy = Buffer.from(piece);
        if (at >= offset && at < offset + piece.length) copy[at - offset] ^= 0x40;
        return copy;
      };
      const store = await testStore();
      const error: unknown = await new LayerFetcher(ioFor(store))
        .fetch([base], registry)
        .catch((e: unknown) => e);
      expect(error).toMatchObject({ exitStatus: 4, code: expect.stringMatching(/^(OCI|BLOB)_/) as string });
      store.close();
      expectEmpty(store);
    }
  });

  test('that ends too soon', async () => {
    const { registry, chain } = await shipChain();
    const { digest, sizeBytes } = chain[1].form.blobs[0];
    registry.blobs.set(digest, registry.blobs.get(digest)!.subarray(0, sizeBytes - 1));
    const store = await testStore();
    const error: unknown = await new LayerFetcher(ioFor(store))
      .fetch([chain[1]], registry)
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ exitStatus: 4 });
    store.close();
    expectEmpty(store);
  });

  test('that goes on after its end', async () => {
    const { registry, chain } = await shipChain();
    const { digest } = chain[1].form.blobs[0];
    registry.blobs.set(digest, Buffer.concat([registry.blobs.get(digest)!, Buffer.alloc(5 * MIB)]));
    await expectRefused(registry, [chain[1]], 'OCI_SIZE_MISMATCH');
  });

  test('that blows up', async () => {
    const { chain } = await shipChain();
    const layer = chain[1];
    const blob = layer.form.blobs[0];
    const bomb = Buffer.concat([zstdCompressSync(Buffer.alloc(512 * MIB)), Buffer.alloc(blob.tablesBytes)]);
    const registry = new MemoryRepository();
    const { digest, size } = registry.addBlob(bomb);
    const form = { ...layer.form, blobs: [{ ...blob, digest, sizeBytes: size }] };
    const store = await testStore();
    const error: unknown = await new LayerFetcher(ioFor(store))
      .fetch([{ ...layer, form }], registry)
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ exitStatus: 4, code: expect.stringMatching(/^BLOB_/) as string });
    store.close();
    expectEmpty(store);
  });

  test('that is not there', async () => {
    const { registry, chain } = await shipChain();
    registry.blobs.delete(chain[1].form.blobs[0].digest);
    await expectRefused(registry, [chain[1]], 'OCI_BLOB_MISSING');
  });

  test('whose content has another digest than is said', async () => {
    const { registry, chain } = await shipChain();
    const digest = digestOf('something else');
    const blob = { ...chain[1].form.blobs[0], contentDigest: digest };
    const layer = { ...chain[1], form: { ...chain[1].form, digest, blobs: [blob] } };
    const store = await testStore();
    const error: unknown = await new LayerFetcher(ioFor(store))
      .fetch([layer], registry)
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ exitStatus: 4, code: expect.stringMatching(/^BLOB_/) as string });
    store.close();
    expectEmpty(store);
  });
});

describe('a layer', () => {
  test('that is no VHDX', async () => {
    const { registry, form } = await shipFile(Buffer.from('#!/bin/sh\necho hello\n'.repeat(100)));
    await expectRefused(registry, [{ id: ID, form }], 'BLOB_NOT_VHDX');
  });

  test('whose id is a path', async () => {
    const { registry, chain } = await shipChain();
    for (const id of ['../../evil', '..', 'a/b', ID.toUpperCase(), ''])
      await expectRefused(registry, [{ ...chain[1], id }], 'STORE_LAYER_DAMAGED');
  });

  test('that stands on another than it says', async () => {
    const { registry, chain } = await shipChain();
    const [leaf, base] = chain;
    const store = await testStore();
    const fetcher = new LayerFetcher(ioFor(store));
    const renamed = { ...base, id: ID };
    await expect(fetcher.fetch([{ ...leaf, parent: ID }, renamed], registry)).rejects.toMatchObject({
      code: 'BLOB_PARENT_MISMATCH',
    });
    await expectRefused(registry, [{ id: leaf.id, form: leaf.form }], 'BLOB_PARENT_MISMATCH');
  });

  test('whose parent only has the right name', async () => {
    const { registry, chain } = await shipChain();
    const other = await shipChain(50);
    for (const [digest, bytes] of other.registry.blobs) registry.blobs.set(digest, bytes);
    const base = { ...other.chain[1], id: chain[1].id };
    const store = await testStore();
    await expect(new LayerFetcher(ioFor(store)).fetch([chain[0], base], registry)).rejects.toMatchObject({
      code: 'BLOB_PARENT_MISMATCH',
    });
    expect(await store.layer(chain[0].id)).toBeUndefined();
    store.close();
    // The base is a whole layer of which nothing is known to be wrong; nothing leads to it.
    expect((await store.prune()).layers).toEqual([base.id]);
  });

  test('whose parent is nowhere', async () => {
    const { registry, chain } = await shipChain();
    const store = await testStore();
    await expect(new LayerFetcher(ioFor(store)).fetch([chain[0]], registry)).rejects.toMatchObject({
      code: 'TRANSFER_CHAIN_INVALID',
    });
    expect(existsSync(store.layerPath(chain[0].id))).toBe(false);
  });

  test('that has the id of another one of the store', async () => {
    const { from, registry, chain } = await shipChain();
    const other = await shipChain(50);
    for (const [digest, bytes] of other.registry.blobs) registry.blobs.set(digest, bytes);
    const evil = { ...other.chain[1], id: chain[1].id };
    await expectRefused(registry, [evil], 'TRANSFER_LAYER_CONFLICT', from);
    expect((await from.layerForm(chain[1].id))!.digest).toBe(chain[1].form.digest);
  });

  test('that has the id of one of the store that was never shipped', async () => {
    const { registry, chain } = await shipChain();
    const store = await testStore();
    const local = await makeLayer(store, 9);
    await expectRefused(registry, [{ ...chain[1], id: local }], 'TRANSFER_LAYER_CONFLICT', store);
    const same = await new LayerSender(new MemoryRepository(), ioFor(store)).send([local]);
    await new LayerFetcher(ioFor(store)).fetch(same, registry);
  });

  test('that another image on its way has under the same id', async () => {
    const { registry, chain } = await shipChain();
    const other = await shipChain(50);
    const store = await testStore();
    const fetcher = new LayerFetcher(ioFor(store));
    const first = fetcher.fetch([chain[1]], registry);
    await expect(
      fetcher.fetch([{ ...other.chain[1], id: chain[1].id }], other.registry),
    ).rejects.toMatchObject({ code: 'TRANSFER_LAYER_CONFLICT' });
    await first;
  });
});

describe('an image', () => {
  test('that is refused has no name in the store, and the next pull of a good one succeeds', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    const leaf = (await here.layerForm(image.config.layers[0]))!.blobs[0].digest;
    const good = registry.blobs.get(leaf)!;
    registry.blobs.set(leaf, Buffer.alloc(good.length, 7));
    const pull = { repository: registry, reference: '1', name: NAME, platform: PLATFORM };
    const io = ioFor(there);
    await expect(pullImage(pull, io)).rejects.toMatchObject({ exitStatus: 4 });
    expect(await there.findImage(NAME)).toBeUndefined();
    expect(await there.listImages()).toEqual([]);
    expect(io.events.at(-1)).toMatchObject({ type: 'transfer-end', status: 'failed' });
    // Parts of blobs that are what they should be may stay for the next attempt.
    expect(filesOf(there).filter((name) => /unfinished/.test(name) || name.endsWith(leaf.slice(7)))).toEqual(
      [],
    );
    registry.blobs.set(leaf, good);
    await pullImage(pull, ioFor(there));
    expect((await there.image(NAME)).id).toBe(image.id);
  });

  test('that is not there, or is something else, is said so', async () => {
    const store = await testStore();
    const registry = new MemoryRepository({ name: 'host.test/web' });
    const pull = { repository: registry, reference: '1', name: NAME, platform: PLATFORM };
    await expect(pullImage(pull, ioFor(store))).rejects.toMatchObject({
      code: 'TRANSFER_IMAGE_NOT_FOUND',
      message: 'host.test/web has no image "1"',
    });
    const config = registry.addBlob(Buffer.from('{}'), 'application/vnd.example.chart+json');
    const text = JSON.stringify({ schemaVersion: 2, config, layers: [config] });
    await registry.putManifest(
      { mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes: Buffer.from(text) },
      '1',
    );
    await expect(pullImage(pull, ioFor(store))).rejects.toMatchObject({ code: 'TRANSFER_NOT_AN_IMAGE' });
    store.close();
    expectEmpty(store);
  });
});
