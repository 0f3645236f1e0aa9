/** What happens when the disk is full: on a small file system in memory that really is. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { describeWith } from '../support/needs.ts';
import { imageOf, keyOf, makeLayer, putRecord, testFolder } from './support.ts';

describeWith(['root', 'mount', 'umount'], 'a store on a full disk', () => {
  let disk: string;
  let store: Store;

  beforeEach(async () => {
    disk = testFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    store = await Store.open(path.join(disk, 'store'));
  });

  afterEach(() => {
    store.close();
    execFileSync('umount', [disk]);
  });

  /** Takes the last free page. */
  function fill(): void {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(bavail * bsize));
    expect(statfsSync(disk).bavail).toBe(0);
  }

  function unfinished(): string[] {
    return readdirSync(store.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.includes('unfinished'),
    );
  }

  test('says so, whatever was to be written, and leaves nothing half done', async () => {
    const layer = await makeLayer(store);
    const image = await store.putImage(imageOf([layer]));
    await store.tag('web', image);
    const sandbox = store.newLayer();
    writeFileSync(sandbox.path, '');
    fill();
    const full = { code: 'DISK_FULL', exitStatus: 1 };
    await expect(store.sealLayer({ id: sandbox.id })).rejects.toMatchObject(full);
    await expect(store.putImage(imageOf([layer], 'new'))).rejects.toMatchObject(full);
    await expect(store.tag('other', image)).rejects.toMatchObject(full);
    await expect(putRecord(store, 1, layer)).rejects.toMatchObject(full);
    await expect(store.memoSet('a', 'b')).rejects.toMatchObject(full);
    expect(unfinished()).toEqual([]);
    expect(await store.layer(sandbox.id)).toBeUndefined();
    expect(await store.cacheGet(keyOf(1))).toBeUndefined();
    expect(await store.findImage('other')).toBeUndefined();
    expect((await store.image('web')).id).toBe(image);
    expect(await store.check()).toEqual([]);
  });

  test('keeps the old record, name or memo when a new one does not fit', async () => {
    const [one, two] = [await store.putImage(imageOf([], '1')), await store.putImage(imageOf([], '2'))];
    await store.tag('web', one);
    await store.memoSet('a', 'old');
    fill();
    await expect(store.tag('web', two)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(store.memoSet('a', 'new')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect((await store.image('web')).id).toBe(one);
    expect(await store.memoGet('a')).toBe('old');
  });

  test('can still be pruned, and is of use again', async () => {
    const layer = await makeLayer(store, undefined, 100_000);
    await putRecord(store, 1, layer);
    store.close();
    fill();
    expect(await store.prune()).toMatchObject({ layers: [layer] });
    await makeLayer(store, undefined, 50_000);
  });

  test('can be removed from by name and id', async () => {
    const image = await store.putImage(imageOf([]));
    await store.tag('web', image);
    fill();
    expect(await store.removeImage('web')).toEqual({ untagged: ['web:latest'], deleted: image });
  });

  test('is not made at all where there is no room for it', async () => {
    fill();
    const root = path.join(disk, 'second');
    mkdirSync(root);
    await expect(Store.open(root)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(existsSync(path.join(root, 'version'))).toBe(false);
    rmSync(path.join(disk, 'ballast'));
    await Store.open(root);
    expect(readFileSync(path.join(root, 'version'), 'utf8')).toBe('1\n');
  });
});
