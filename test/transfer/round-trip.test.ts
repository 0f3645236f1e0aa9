/** An image goes out and comes back, through a repository in memory. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ImageManifest } from '../../src/oci/manifest.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { readRemoteImage } from '../../src/transfer/remote-image.ts';
import { imageOf } from '../store/descriptions.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { testWith } from '../support/needs.ts';
import {
  expectSameLayers,
  ioFor,
  keepImage,
  makeImage,
  makeLayer,
  MIB,
  PLATFORM,
  testStore,
} from './support.ts';

const NAME = 'host.test:5000/team/web:1';

function pullFrom(repository: MemoryRepository, reference = '1', name = NAME) {
  return { repository, reference, name, platform: PLATFORM };
}

describe('an image that is pushed and pulled', () => {
  test('is bit for bit the same in a store that never saw it', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    const io = ioFor(there);
    const digest = await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    const pulled = await pullImage(pullFrom(registry), io);
    expect(pulled).toMatchObject({ kind: 'machine', digest, id: image.id, isNew: true });
    expectSameLayers(here, there, image.config.layers);
    expect((await there.image(NAME)).id).toBe(image.id);
    expect((await there.image(`host.test:5000/team/web@${digest}`)).id).toBe(image.id);
    expect(await there.chainOf(image.config.layers[0])).toEqual(image.config.layers);
    expect((await there.layer(image.config.layers[0]))!.key).toBe(
      (await here.layer(image.config.layers[0]))!.key,
    );
    expect(await there.check()).toEqual([]);
    expect(io.events[0]).toEqual({ type: 'transfer-start', action: 'pull', name: NAME });
    expect(io.events.at(-1)).toMatchObject({
      type: 'transfer-end',
      status: 'done',
      movedBytes: io.movedBytes(),
    });
  });

  testWith(
    ['7zz', 'vhdiinfo', 'zstd'],
    'opens in 7-Zip and libvhdi; a blob is what zstd makes of it',
    async () => {
      const [here, there] = [await testStore(), await testStore()];
      const image = await makeImage(here);
      const registry = new MemoryRepository();
      await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
      await pullImage(pullFrom(registry), ioFor(there));
      const leaf = there.layerPath(image.config.layers[0]);
      const judged = spawnSync('7zz', ['t', leaf], { encoding: 'utf8' });
      expect(judged.stdout + judged.stderr).not.toMatch(/WARNING|ERROR/);
      expect(execFileSync('vhdiinfo', [leaf], { encoding: 'utf8' })).toContain('Differential');
      const { layers } = JSON.parse(
        Buffer.from([...registry.manifests.values()][0].bytes).toString(),
      ) as ImageManifest;
      const blob = registry.blobs.get(layers[0].digest)!;
      const file = execFileSync('zstd', ['-d', '-c'], { input: blob, maxBuffer: 64 * MIB });
      expect(file.equals(readFileSync(here.layerPath(image.config.layers.at(-1)!)))).toBe(true);
    },
  );

  test('has the same manifest whoever pushes it, and wherever', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const [one, two] = [new MemoryRepository(), new MemoryRepository()];
    const digest = await pushImage({ image, target: one, tag: '1' }, ioFor(here));
    await pullImage(pullFrom(one), ioFor(there));
    const pulled = await there.image(NAME);
    expect(await pushImage({ image: pulled, target: two, tag: 'x' }, ioFor(there))).toBe(digest);
    expect(await pushImage({ image, target: two, tag: 'y' }, ioFor(here))).toBe(digest);
  });

  test('of no layers at all comes back too', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await keepImage(here, imageOf([], 'empty'), 'nothing');
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    expect(await pullImage(pullFrom(registry), ioFor(there))).toMatchObject({ id: image.id });
  });
});

describe('what is there already', () => {
  test('takes one question to push again', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(store));
    registry.requests.length = 0;
    await pushImage({ image, target: registry, tag: '1' }, ioFor(store));
    expect(registry.requests).toEqual([{ kind: 'resolve', target: '1' }]);
  });

  test('under another tag is only asked for, and named', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(store));
    registry.requests.length = 0;
    const io = ioFor(store);
    await pushImage({ image, target: registry, tag: '2' }, io);
    expect(registry.requests.map(({ kind }) => kind)).toEqual([
      'resolve',
      ...['hasBlob', 'hasBlob', 'hasBlob'],
      ...['hasBlob', 'putManifest'],
    ]);
    expect(io.movedBytes()).toBe(0);
  });

  test('takes one question to pull again', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    await pullImage(pullFrom(registry), ioFor(there));
    registry.requests.length = 0;
    expect(await pullImage(pullFrom(registry), ioFor(there))).toMatchObject({ isNew: false, id: image.id });
    expect(registry.requests).toEqual([{ kind: 'resolve', target: '1' }]);
  });

  test('is not moved with the layer that changed', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    await pullImage(pullFrom(registry), ioFor(there));
    const [, ...below] = image.config.layers;
    const leaf = await makeLayer(here, 77, { parent: below[0], bytes: 3 * MIB });
    const next = await keepImage(here, imageOf([leaf, ...below], 'next'), 'next');
    const [pushed, pulled] = [ioFor(here), ioFor(there)];
    await pushImage({ image: next, target: registry, tag: '1' }, pushed);
    await pullImage(pullFrom(registry), pulled);
    const blobBytes = (await here.layerForm(leaf))!.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(pushed.movedBytes() - blobBytes).toBeLessThan(8192);
    expect(pulled.movedBytes()).toBe(blobBytes);
    expect(registry.count('readBlob')).toBe(3 + 1 + 1 + 1);
  });

  test('in the store, packed or not, is not fetched', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    await pullImage(pullFrom(registry), ioFor(there));
    await there.removeImage(NAME);
    registry.requests.length = 0;
    const io = ioFor(there);
    await pullImage(pullFrom(registry), io);
    expect(registry.count('readBlob')).toBe(1);
    expect(io.events.filter((event) => event.type === 'blob-end').map(({ status }) => status)).toEqual([
      'exists',
      'exists',
      'exists',
    ]);
  });

  test('that is damaged in the store is fetched again', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    await pullImage(pullFrom(registry), ioFor(there));
    there.close();
    truncateSync(there.layerPath(image.config.layers[1]), 100);
    await pullImage(pullFrom(registry), ioFor(there));
    expectSameLayers(here, there, image.config.layers);
    expect(await there.check()).toEqual([]);
  });
});

describe('blobs of repositories on the same host', () => {
  test('are handed over, and nothing is packed or moved', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const one = new MemoryRepository({ host: 'h:1', name: 'h:1/one' });
    const two = new MemoryRepository({ host: 'h:1', name: 'h:1/two', neighbours: [one] });
    await pushImage({ image, target: one, tag: '1' }, ioFor(store));
    const io = ioFor(store);
    await pushImage({ image, target: two, tag: '1' }, io);
    const ends = io.events.filter((event) => event.type === 'blob-end');
    expect(ends.map(({ status }) => status)).toEqual(['mounted', 'mounted', 'mounted', 'done']);
    expect(io.movedBytes()).toBeLessThan(4096);
  });

  test('are packed again where the other repository has lost them', async () => {
    const store = await testStore();
    const image = await makeImage(store);
    const one = new MemoryRepository({ host: 'h:1', name: 'h:1/one' });
    const two = new MemoryRepository({ host: 'h:1', name: 'h:1/two', neighbours: [one] });
    const digest = await pushImage({ image, target: one, tag: '1' }, ioFor(store));
    one.blobs.clear();
    expect(await pushImage({ image, target: two, tag: '1' }, ioFor(store))).toBe(digest);
    expect(two.blobs.size).toBe(4);
  });

  test('that another zstd made are replaced by ours where they are missing', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here);
    const one = new MemoryRepository({ host: 'h:1', name: 'h:1/one' });
    const two = new MemoryRepository({ host: 'h:1', name: 'h:1/two', neighbours: [one] });
    // Another level stands for another version.
    const digest = await pushImage({ image, target: one, tag: '1' }, ioFor(here, { level: 4 }));
    const forms = await Promise.all(image.config.layers.map((id) => here.layerForm(id)));
    one.blobs.clear();
    const other = await pushImage({ image, target: two, tag: '1' }, ioFor(here, { level: 1 }));
    expect(other).not.toBe(digest);
    expect(await Promise.all(image.config.layers.map((id) => here.layerForm(id)))).toEqual(forms);
    await pullImage(pullFrom(two), ioFor(there));
    expectSameLayers(here, there, image.config.layers);
  });
});

test('an image whose layers are elsewhere goes from there to there', async () => {
  const [here, none, there] = [await testStore(), await testStore(), await testStore()];
  const image = await makeImage(here);
  const [from, to] = [new MemoryRepository(), new MemoryRepository()];
  const digest = await pushImage({ image, target: from, tag: '1' }, ioFor(here));
  const remote = await readRemoteImage(from, '1', PLATFORM);
  if (remote?.kind !== 'machine') throw new Error('not a machine');
  const byId = new Map(remote.layers.map((layer) => [layer.id, { layer, from }]));
  const push = { image: remote, target: to, tag: 'x', elsewhere: (id: string) => byId.get(id) };
  expect(await pushImage(push, ioFor(none))).toBe(digest);
  await pullImage(pullFrom(to, 'x'), ioFor(there));
  expectSameLayers(here, there, image.config.layers);
});
