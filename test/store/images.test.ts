import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOfJson } from '../../src/oci/digest.ts';
import { imageOf, makeChain, makeLayer, testStore } from './support.ts';

describe('images', () => {
  test('an image is kept under the digest of its description', async () => {
    const store = await testStore();
    const config = imageOf(await makeChain(store, 2));
    const id = await store.putImage(config);
    expect(id).toBe(digestOfJson(config));
    expect(await store.image(id)).toEqual({ id, config });
    expect(await store.putImage({ ...config })).toBe(id);
  });

  test('an image of layers that are not there is refused', async () => {
    const store = await testStore();
    await expect(store.putImage(imageOf(['0'.repeat(32)]))).rejects.toMatchObject({
      code: 'STORE_LAYER_MISSING',
    });
    expect(await store.listImages()).toEqual([]);
  });

  test('an image is found by name, by id and by the first digits of its id', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    expect(await store.tag('team/web', id)).toBe('team/web:latest');
    const hex = id.slice('sha256:'.length);
    for (const name of [
      'team/web',
      'team/web:latest',
      id,
      hex,
      hex.slice(0, 4),
      `sha256:${hex.slice(0, 12)}`,
      `web@${id}`,
    ]) {
      expect((await store.findImage(name))?.id, name).toBe(id);
    }
    for (const name of ['team/web:1', 'web', hex.slice(0, 3), 'f'.repeat(64)]) {
      expect(await store.findImage(name), name).toBeUndefined();
    }
    await expect(store.image('web')).rejects.toMatchObject({ code: 'STORE_IMAGE_NOT_FOUND', exitStatus: 1 });
  });

  test('digits that fit several images are an error that names them; a name wins over digits', async () => {
    const store = await testStore();
    const byPrefix = new Map<string, string>();
    let twins: [string, string] | undefined;
    for (let number = 0; twins === undefined; number++) {
      const config = imageOf([], String(number));
      const id = digestOfJson(config);
      const prefix = id.slice(7, 11);
      const other = byPrefix.get(prefix);
      if (other !== undefined)
        twins = [await store.putImage(imageOf([], other)), await store.putImage(config)];
      byPrefix.set(prefix, String(number));
    }
    const prefix = twins[0].slice(7, 11);
    await expect(store.image(prefix)).rejects.toMatchObject({
      code: 'STORE_ID_AMBIGUOUS',
      data: { ids: expect.arrayContaining(twins) as unknown },
    });
    await store.tag(prefix, twins[1]);
    expect((await store.image(prefix)).id).toBe(twins[1]);
  });

  test('names that differ only in case are different names', async () => {
    const store = await testStore();
    const [one, two] = [await store.putImage(imageOf([], '1')), await store.putImage(imageOf([], '2'))];
    await store.tag('Host/web:V1', one);
    await store.tag('host.x/web:v1', two);
    await store.tag('web:v1', two);
    await store.tag('web:V1', one);
    expect((await store.image('web:V1')).id).toBe(one);
    expect((await store.image('web:v1')).id).toBe(two);
    const files = readdirSync(path.join(store.root, 'names')).map((name) => name.toLowerCase());
    expect(new Set(files).size).toBe(4);
  });

  test('a name moves from one image to another', async () => {
    const store = await testStore();
    const [one, two] = [await store.putImage(imageOf([], '1')), await store.putImage(imageOf([], '2'))];
    await store.tag('web', one);
    await store.tag('web', two);
    const names = Object.fromEntries((await store.listImages()).map((image) => [image.id, image.names]));
    expect(names).toEqual({ [one]: [], [two]: ['web:latest'] });
  });

  test('no name is given to an image that is not there', async () => {
    const store = await testStore();
    await expect(store.tag('web', `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'STORE_IMAGE_NOT_FOUND',
    });
    await expect(store.tag('Web', await store.putImage(imageOf([])))).rejects.toMatchObject({
      code: 'STORE_NAME_INVALID',
      hint: 'Write it in lower case: web',
    });
  });

  test('the list counts what the layers of each image occupy', async () => {
    const store = await testStore();
    const base = await makeLayer(store, undefined, 100_000);
    const leaf = await makeLayer(store, base, 5000);
    await store.putImage(imageOf([leaf, base]));
    const bytes = (await store.layer(base))!.allocatedBytes + (await store.layer(leaf))!.allocatedBytes;
    expect((await store.listImages())[0].allocatedBytes).toBe(bytes);
  });

  test('a changed description is damage: named when asked for, listed by a check, no obstacle to a list', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag('web', id);
    writeFileSync(path.join(store.root, 'images', `${id.slice(7)}.json`), '{}');
    await expect(store.image('web')).rejects.toMatchObject({ code: 'STORE_IMAGE_DAMAGED', exitStatus: 4 });
    expect(await store.listImages()).toEqual([]);
    expect(await store.check()).toMatchObject([{ code: 'STORE_IMAGE_DAMAGED' }]);
    expect(await store.removeImage('web')).toEqual({ untagged: ['web:latest'], deleted: id });
    expect(await store.check()).toEqual([]);
  });
});

describe('removing images', () => {
  test('a name goes alone while the image has others; the last takes the image along', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag('web', id);
    await store.tag('web:2', id);
    expect(await store.removeImage('web')).toEqual({ untagged: ['web:latest'] });
    expect(await store.removeImage('web:2')).toEqual({ untagged: ['web:2'], deleted: id });
    await expect(store.removeImage('web:2')).rejects.toMatchObject({ code: 'STORE_IMAGE_NOT_FOUND' });
  });

  test('an id with several names is removed only by force', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag('a', id);
    await store.tag('b', id);
    await expect(store.removeImage(id)).rejects.toMatchObject({
      code: 'STORE_IMAGE_IN_USE',
      data: { names: ['a:latest', 'b:latest'] },
    });
    expect(await store.removeImage(id.slice(7, 19), { force: true })).toEqual({
      untagged: ['a:latest', 'b:latest'],
      deleted: id,
    });
  });

  test('the layers of a removed image stay cached', async () => {
    const store = await testStore();
    const [layer] = await makeChain(store, 1);
    const id = await store.putImage(imageOf([layer]));
    await store.removeImage(id);
    expect(await store.layer(layer)).toBeDefined();
  });

  test('taking a name away leaves the image', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag('web', id);
    expect(await store.untag('web')).toBe(true);
    expect(await store.untag('web')).toBe(false);
    expect((await store.image(id)).id).toBe(id);
  });
});
