/** Shipping images when the disk is full: on a small file system in memory that really is. */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { describeWith } from '../support/needs.ts';
import {
  expectSameLayers,
  filesOf,
  ioFor,
  makeImage,
  MIB,
  PLATFORM,
  testFolder,
  testStore,
} from './support.ts';

describeWith(['root', 'mount', 'umount'], 'on a full disk', () => {
  let disk: string;
  let store: Store;

  beforeEach(async () => {
    disk = testFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', disk]);
    store = await Store.open(path.join(disk, 'store'));
  });

  afterEach(() => {
    store.close();
    execFileSync('umount', [disk]);
  });

  /** Leaves so many bytes free. */
  function fillBut(bytes: number): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(bavail * bsize - bytes));
  }

  const FREE = [100_000, 1.5 * MIB, 4 * MIB, 7 * MIB];

  test('a pull says so and leaves no layer behind, and goes on when there is room', async () => {
    const here = await testStore();
    const image = await makeImage(here, { bytes: 3 * MIB });
    const registry = new MemoryRepository();
    await pushImage({ image, target: registry, tag: '1' }, ioFor(here));
    const pull = { repository: registry, reference: '1', name: 'web', platform: PLATFORM };
    for (const free of FREE) {
      fillBut(free);
      await expect(pullImage(pull, ioFor(store))).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await store.listImages()).toEqual([]);
      expect(filesOf(store).filter((name) => /unfinished|\.lock/.test(name))).toEqual([]);
      expect(await store.check()).toEqual([]);
      rmSync(path.join(disk, 'ballast'));
    }
    await pullImage(pull, ioFor(store));
    expectSameLayers(here, store, image.config.layers);
    expect(readdirSync(path.join(store.root, 'incoming'))).toEqual([]);
  });

  test('a push says so, leaves nothing there or here, and succeeds when there is room', async () => {
    const image = await makeImage(store, { bytes: 3 * MIB });
    const registry = new MemoryRepository();
    const push = { image, target: registry, tag: '1' };
    for (const free of [0, 100_000, MIB]) {
      fillBut(free);
      await expect(pushImage(push, ioFor(store))).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(registry.tagged.size).toBe(0);
      expect(readdirSync(path.join(store.root, 'run'))).toEqual([]);
      rmSync(path.join(disk, 'ballast'));
    }
    await pushImage(push, ioFor(store));
    expect(registry.tagged.size).toBe(1);
  });
});
