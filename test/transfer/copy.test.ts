/** Images between places, without the store: machines and containers, alone and in indexes, archives too. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { createArchive } from '../../src/oci/archive-writer.ts';
import { openArchiveForReading } from '../../src/oci/archive.ts';
import { openLayout } from '../../src/oci/layout.ts';
import { indexManifest, type ImageIndex } from '../../src/oci/manifest.ts';
import { OCI_CONFIG, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { copyImage } from '../../src/transfer/copy-image.ts';
import { loadImages } from '../../src/transfer/load-images.ts';
import { makeIndex } from '../../src/transfer/make-index.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { saveImages } from '../../src/transfer/save-images.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import {
  expectEmpty,
  expectSameLayers,
  ioFor,
  makeImage,
  PLATFORM,
  testFolder,
  testStore,
} from './support.ts';

/** A container image for an architecture. */
async function putContainer(
  registry: MemoryRepository,
  architecture: string,
  tag?: string,
): Promise<Descriptor> {
  const config = registry.addBlob(Buffer.from(JSON.stringify({ os: 'linux', architecture })), OCI_CONFIG);
  const layer = registry.addBlob(
    Buffer.from(`layer of ${architecture}`),
    'application/vnd.oci.image.layer.v1.tar',
  );
  const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] });
  await registry.putManifest({ mediaType: OCI_MANIFEST, bytes: Buffer.from(text) }, tag ?? architecture);
  return (await registry.resolve(tag ?? architecture))!;
}

async function putIndex(registry: MemoryRepository, tag: string): Promise<void> {
  const entries = await Promise.all(
    ['amd64', 'arm64'].map(async (architecture) => ({
      ...(await putContainer(registry, architecture)),
      platform: { os: 'linux', architecture },
    })),
  );
  const { mediaType, bytes } = indexManifest(entries);
  await registry.putManifest({ mediaType, bytes }, tag);
}

describe('a copy', () => {
  test('has the same digest, through a folder and back, and pulls as the same bytes', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const [from, back] = [new MemoryRepository(), new MemoryRepository()];
    const layout = openLayout(path.join(testFolder(), 'layout'), { create: true });
    const digest = await pushImage({ image, target: from, tag: '1' }, ioFor(here));
    const io = ioFor(here);
    expect(await copyImage({ from, reference: '1', to: layout, tag: 'x', platform: 'all' }, io)).toBe(digest);
    expect(io.events.at(-1)).toMatchObject({
      action: 'copy',
      digest,
      status: 'done',
      movedBytes: io.movedBytes(),
    });
    expect(await copyImage({ from: layout, reference: 'x', to: back, tag: '2', platform: 'all' }, io)).toBe(
      digest,
    );
    await pullImage({ repository: back, reference: '2', name: 'web', platform: PLATFORM }, ioFor(there));
    expectSameLayers(here, there, image.config.layers);
  });

  test('that is there already asks for the manifest and the tag, and nothing else', async () => {
    const [from, to] = [new MemoryRepository(), new MemoryRepository()];
    await putContainer(from, 'amd64', '1');
    const copy = { from, reference: '1', to, tag: '1', platform: PLATFORM };
    await copyImage(copy, ioFor(await testStore()));
    [from, to].forEach((one) => (one.requests.length = 0));
    await copyImage(copy, ioFor(await testStore()));
    expect([...from.requests, ...to.requests].map(({ kind }) => kind)).toEqual(['manifest', 'resolve']);
  });

  test('of an index takes the image for the platform, or all of it byte for byte', async () => {
    const [from, one, all] = [new MemoryRepository(), new MemoryRepository(), new MemoryRepository()];
    await putIndex(from, 'multi');
    const io = ioFor(await testStore());
    const copy = { from, reference: 'multi', tag: 'multi' };
    const single = await copyImage(
      { ...copy, to: one, platform: { os: 'linux', architecture: 'arm64' } },
      io,
    );
    expect(single).toBe(from.tagged.get('arm64'));
    expect(one.manifests.size).toBe(1);
    expect(await copyImage({ ...copy, to: all, platform: 'all' }, io)).toBe(from.tagged.get('multi'));
    expect(all.manifests).toEqual(from.manifests);
    expect(all.blobs.size).toBe(4);
  });

  test('within a host moves nothing', async () => {
    const from = new MemoryRepository({ host: 'h', name: 'h/a' });
    const to = new MemoryRepository({ host: 'h', name: 'h/b', neighbours: [from] });
    await putContainer(from, 'amd64', '1');
    const io = ioFor(await testStore());
    await copyImage({ from, reference: '1', to, tag: '1', platform: 'all' }, io);
    expect(from.count('readBlob')).toBe(0);
    expect(io.movedBytes()).toBe(0);
  });

  test('of a poisoned blob is refused before it is all there', async () => {
    const [from, to] = [new MemoryRepository(), new MemoryRepository()];
    await putContainer(from, 'amd64', '1');
    from.onPiece = (piece) => Buffer.from(piece).reverse();
    const copy = copyImage({ from, reference: '1', to, tag: '1', platform: 'all' }, ioFor(await testStore()));
    await expect(copy).rejects.toMatchObject({ code: 'OCI_DIGEST_MISMATCH' });
    expect(to.tagged.size).toBe(0);
  });

  test('of what is not there says so', async () => {
    const [from, to] = [new MemoryRepository({ name: 'h/a' }), new MemoryRepository()];
    const copy = copyImage(
      { from, reference: 'no', to, tag: '1', platform: 'all' },
      ioFor(await testStore()),
    );
    await expect(copy).rejects.toMatchObject({ code: 'TRANSFER_IMAGE_NOT_FOUND' });
  });
});

describe('an index of several images', () => {
  test('gives each platform its own, from several places', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const [machines, containers, to] = [
      new MemoryRepository(),
      new MemoryRepository(),
      new MemoryRepository(),
    ];
    await pushImage({ image, target: machines, tag: 'vm' }, ioFor(store));
    await putIndex(containers, 'multi');
    const sources = [
      { from: machines, reference: 'vm' },
      { from: containers, reference: 'multi' },
      { from: containers, reference: 'arm64' },
    ];
    const digest = await makeIndex({ sources, to, tag: 'all' }, ioFor(store));
    expect(to.tagged.get('all')).toBe(digest);
    const index = JSON.parse(Buffer.from(to.manifests.get(digest)!.bytes).toString()) as ImageIndex;
    expect(index.manifests.map(({ platform }) => platform?.architecture)).toEqual([
      'amd64',
      'amd64',
      'arm64',
    ]);
    const there = await testStore();
    const pull = { repository: to, reference: 'all', name: 'h.test/web:1' };
    expect(await pullImage({ ...pull, platform: PLATFORM }, ioFor(there))).toMatchObject({
      digest,
      id: image.id,
    });
    expect(
      await pullImage({ ...pull, platform: { os: 'linux', architecture: 'arm64' } }, ioFor(there)),
    ).toMatchObject({ kind: 'container', digest });
  });
});

describe('an archive', () => {
  async function archiveOf(names: readonly string[]) {
    const store = await testStore();
    const file = path.join(testFolder(), 'images.tar');
    const images = await Promise.all(
      names.map(async (name, index) => ({
        name,
        image: await makeImage(store, { name, seed: 10 * index + 1 }),
      })),
    );
    const archive = createArchive(file);
    await saveImages(images, archive, ioFor(store));
    await archive.close();
    return { store, file, images };
  }

  test('brings its images back under their names', async () => {
    const names = ['host.test:5000/team/web:1.2', 'db:latest'];
    const { store, file, images } = await archiveOf(names);
    const there = await testStore();
    const source = openArchiveForReading(file);
    const loaded = await loadImages({ source, platform: PLATFORM }, ioFor(there));
    await source.close();
    expect(loaded.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const { name, image } of images) {
      expect((await there.image(name)).id).toBe(image.id);
      expectSameLayers(store, there, image.config.layers);
    }
  });

  test('brings one of them under another name', async () => {
    const { file, images } = await archiveOf(['web:1', 'db:1']);
    const there = await testStore();
    const load = {
      source: openArchiveForReading(file),
      platform: PLATFORM,
      reference: 'db:1',
      name: 'other',
    };
    expect(await loadImages(load, ioFor(there))).toEqual([{ name: 'other:latest', id: images[1].image.id }]);
    await load.source.close();
  });

  test('of which a part could not be had is not written', async () => {
    const store = await testStore();
    const file = path.join(testFolder(), 'images.tar');
    writeFileSync(file, 'as it was');
    const image = await makeImage(store);
    const broken = { config: { ...image.config, layers: ['ab'.repeat(16)] } };
    const archive = createArchive(file);
    const saving = saveImages(
      [
        { image, name: 'web:1' },
        { image: broken, name: 'x:1' },
      ],
      archive,
      ioFor(store),
    );
    await expect(saving).rejects.toMatchObject({ code: 'STORE_LAYER_MISSING' });
    await archive.close();
    expect(readFileSync(file, 'utf8')).toBe('as it was');
    expect(existsSync(file)).toBe(true);
  });

  test('whose images have tags but no names needs to be told of what they are', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const source = new MemoryRepository({ name: 'oci:here' });
    await pushImage({ image, target: source, tag: '1.2' }, ioFor(store));
    const there = await testStore();
    await expect(loadImages({ source, platform: PLATFORM }, ioFor(there))).rejects.toMatchObject({
      code: 'TRANSFER_NOTHING_NAMED',
    });
    expectEmpty(there);
    expect(await loadImages({ source, platform: PLATFORM, name: 'h.test/web' }, ioFor(there))).toEqual([
      { name: 'h.test/web:1.2', id: image.id },
    ]);
  });

  test('of a container is refused, unless somebody makes a base of it', async () => {
    const source = new MemoryRepository();
    await putContainer(source, 'amd64', 'debian:12');
    const store = await testStore();
    const load = { source, platform: PLATFORM };
    await expect(loadImages(load, ioFor(store))).rejects.toMatchObject({ code: 'TRANSFER_CONTAINER_IMAGE' });
    const onContainer = async (): Promise<string> => (await makeImage(store)).id;
    const [loaded] = await loadImages({ ...load, onContainer }, ioFor(store));
    expect(loaded.name).toBe('debian:12');
  });

  test('with nothing in it names no image', async () => {
    const load = { source: new MemoryRepository(), platform: PLATFORM };
    const loading = loadImages(load, ioFor(await testStore()));
    await expect(loading).rejects.toBeInstanceOf(HyperfileError);
  });
});
