/** A layer too long for one blob: cut into windows, put together again, and shared where it did not change. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference } from '../../src/oci/reference.ts';
import type { Repository } from '../../src/oci/repository.ts';
import type { Store } from '../../src/store/store.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { imageOf } from '../store/descriptions.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { expectSameLayers, ioFor, keepImage, MIB, PLATFORM, testStore, type TestIo } from './support.ts';

describeWith(REGISTRY_NEEDS, 'a layer of more than 512 MiB', () => {
  let registry: TestRegistry;
  let target: Repository;

  beforeAll(async () => {
    registry = await startRegistry();
    const location = { kind: 'registry', reference: parseReference(`${registry.host}/long`) } as const;
    target = await openRepository(location, { env: registry.env, signal: new AbortController().signal });
  });

  afterAll(async () => {
    await target.close();
    await registry.stop();
  });

  test('travels in windows, and a change in one of them moves that one', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await keepImage(here, imageOf([await longLayer(here, 1)], 'long'), 'long');
    const io = ioFor(here);
    await pushImage({ image, target, tag: '1' }, io);
    expect(labelsOf(io)).toEqual(['part 1', 'part 2', 'part 3', 'part 4']);
    const pull = { repository: target, reference: '1', name: 'long', platform: PLATFORM };
    await pullImage(pull, ioFor(there));
    expectSameLayers(here, there, image.config.layers);
    const next = await keepImage(here, imageOf([await longLayer(here, 2)], 'next'), 'next');
    const changed = ioFor(here);
    await pushImage({ image: next, target, tag: '2' }, changed);
    const moved = changed.events.filter((event) => event.type === 'blob-end' && event.status === 'done');
    expect(moved.map((event) => event.type === 'blob-end' && event.label.slice(-6)).sort()).toEqual([
      'config',
      'part 1',
      'part 4',
    ]);
    // Without what was remembered of it, the layer is still known to be the same.
    rmSync(there.layerPath(image.config.layers[0]).replace('.vhdx', '.form'));
    await there.removeImage('long');
    expect(await pullImage(pull, ioFor(there))).toMatchObject({ id: image.id });
  });
});

/** The end of every label that was not the config's. */
function labelsOf({ events }: TestIo): string[] {
  const labels = events.flatMap((event) => (event.type === 'blob-end' ? [event.label] : []));
  return labels
    .filter((label) => label !== 'config')
    .map((label) => label.slice(-6))
    .sort();
}

/** A base of a little more than 512 MiB in three windows, quick to pack; the seed changes only the last one. */
async function longLayer(store: Store, seed: number): Promise<string> {
  const { id, path } = store.newLayer();
  const disk = createDisk(path, { sizeBytes: 2048 * MIB });
  const block = Buffer.alloc(MIB);
  const fill = (index: number, mark: number): void => {
    for (let at = 0; at < MIB; at += 4096) block.writeUInt32LE(mark, at);
    disk.write(block, index * MIB);
  };
  for (let index = 0; index < 520; index++) fill(index, index + 1);
  fill(1600, seed * 7);
  disk.seal();
  disk.close();
  await store.sealLayer({ id });
  return id;
}
