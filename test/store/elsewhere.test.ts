/** Layers that come from elsewhere, their forms, and the parts of blobs on their way. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../src/oci/digest.ts';
import type { LayerForm } from '../../src/oci/layer-form.ts';
import { Store } from '../../src/store/store.ts';
import { imageOf, makeLayer, testStore } from './support.ts';

const ID = 'cd'.repeat(16);
const DAY_MS = 24 * 60 * 60 * 1000;

function formOf(sizeBytes: number, marker = ''): LayerForm {
  const digest = digestOf(marker);
  const blob = {
    kind: 'whole',
    digest,
    sizeBytes: 100,
    contentDigest: digest,
    contentBytes: sizeBytes,
  } as const;
  return { digest, sizeBytes, blobs: [{ ...blob, tablesDigest: digest, tablesBytes: 10 }] };
}

/** Runs a few lines in a process that then kills itself. */
function runKilled(root: string, lines: string): void {
  const source = `import { Store } from '${path.resolve(import.meta.dirname, '../../src/store/store.ts')}';
    import { writeFileSync } from 'node:fs';
    const store = await Store.open(${JSON.stringify(root)});
    ${lines}
    process.kill(process.pid, 'SIGKILL');`;
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8' });
  expect(result.stderr).toBe('');
  expect(result.signal).toBe('SIGKILL');
}

describe("a layer's form", () => {
  test('is remembered with the places that have its blobs, the latest first', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    expect(await store.layerForm(layer)).toBeUndefined();
    const form = formOf(4096);
    await store.rememberForm(layer, form);
    await store.rememberForm(layer, form, 'h/one');
    await store.rememberForm(layer, form, 'h/two');
    await store.rememberForm(layer, form, 'h/one');
    expect(await store.knownForm(layer)).toEqual({ form, places: ['h/two', 'h/one'] });
    await store.rememberForm(layer, formOf(4096, 'other'), 'h/three');
    expect((await store.knownForm(layer))!.places).toEqual(['h/three']);
  });

  test('is of no use when it is torn, foreign or of another file, and goes with the next prune', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    await store.tag('web', await store.putImage(imageOf([layer])));
    const file = store.layerPath(layer).replace('.vhdx', '.form');
    await store.rememberForm(layer, formOf(4096));
    const good = readFileSync(file, 'utf8');
    const wrong = [
      good.slice(0, 50),
      '',
      '[]',
      good.replace(layer, ID),
      good.replace('4096', '4097'),
      good.replace('"whole"', '"half"'),
      good.replace('sha256:', 'md5:'),
    ];
    for (const text of wrong) {
      writeFileSync(file, text);
      expect(await store.layerForm(layer)).toBeUndefined();
      expect((await store.check()).map(({ code }) => code)).toEqual(['STORE_FORM_DAMAGED']);
    }
    store.close();
    expect(await store.prune()).toMatchObject({ layers: [], garbageFiles: 1 });
    expect(existsSync(file)).toBe(false);
    expect(await store.check()).toEqual([]);
  });

  test('goes with the layer', async () => {
    const store = await testStore();
    const layer = await makeLayer(store);
    await store.rememberForm(layer, formOf(4096));
    store.close();
    await store.prune();
    expect(readdirSync(path.join(store.root, 'layers'))).toEqual([]);
  });
});

describe('a layer from elsewhere', () => {
  test('keeps its id, and is there only when it is sealed', async () => {
    const store = await testStore();
    const place = store.adoptLayer(ID);
    writeFileSync(place.path, 'pulled');
    expect(await store.layer(ID)).toBeUndefined();
    expect(await store.sealAdopted(place, { key: 'k' })).toEqual({ wasFirst: true });
    expect(await store.layer(ID)).toMatchObject({ id: ID, key: 'k', fileBytes: 6 });
    expect(readFileSync(store.layerPath(ID), 'utf8')).toBe('pulled');
    expect(existsSync(place.path)).toBe(false);
  });

  test('that two processes bring is the one that was first', async () => {
    const store = await testStore();
    const other = await Store.open(store.root);
    const [one, two] = [store.adoptLayer(ID), other.adoptLayer(ID)];
    writeFileSync(one.path, 'one');
    writeFileSync(two.path, 'two');
    expect(await other.sealAdopted(two, {})).toEqual({ wasFirst: true });
    expect(await store.sealAdopted(one, {})).toEqual({ wasFirst: false });
    expect(readFileSync(store.layerPath(ID), 'utf8')).toBe('two');
    expect(readdirSync(path.join(store.root, 'layers')).sort()).toEqual([`${ID}.json`, `${ID}.vhdx`]);
    other.close();
  });

  test('has an id that is no path', async () => {
    const store = await testStore();
    for (const id of ['../evil', '..', '', ID.toUpperCase(), `${ID}0`])
      expect(() => store.adoptLayer(id)).toThrow(expect.objectContaining({ code: 'STORE_LAYER_DAMAGED' }));
  });

  test('is gone when the lease ends before it is sealed, and when its process is killed', async () => {
    const store = await testStore();
    const place = store.adoptLayer(ID);
    writeFileSync(place.path, 'half');
    store.close();
    expect(readdirSync(path.join(store.root, 'layers'))).toEqual([]);
    runKilled(store.root, `writeFileSync(store.adoptLayer('${ID}').path, 'half');`);
    expect(readdirSync(path.join(store.root, 'layers'))).toHaveLength(1);
    await Store.open(store.root);
    expect(readdirSync(path.join(store.root, 'layers'))).toEqual([]);
  });

  test('of which only the record was written is none, and can be brought again', async () => {
    const store = await testStore();
    const record = { id: ID, fileBytes: 4, allocatedBytes: 0, created: '2026' };
    writeFileSync(path.join(store.root, 'layers', `${ID}.json`), JSON.stringify(record));
    expect(await store.layer(ID)).toBeUndefined();
    const place = store.adoptLayer(ID);
    writeFileSync(place.path, 'whole');
    await store.sealAdopted(place, {});
    expect((await store.layer(ID))!.fileBytes).toBe(5);
  });

  test('is safe from a prune while it is written and while the lease lasts', async () => {
    const store = await testStore();
    const place = store.adoptLayer(ID);
    writeFileSync(place.path, 'pulled');
    await (await Store.open(store.root)).prune();
    await store.sealAdopted(place, {});
    await (await Store.open(store.root)).prune();
    expect(await store.layer(ID)).toBeDefined();
  });
});

describe('a part of a blob', () => {
  const digest = digestOf('blob');

  test('stays for the next process when one is killed', async () => {
    const store = await testStore();
    runKilled(
      store.root,
      `store.adoptLayer('${ID}'); writeFileSync(store.claimIncoming('${digest}').path, 'half');`,
    );
    const next = await Store.open(store.root);
    expect(readdirSync(path.join(store.root, 'incoming'))).toEqual([digestHex(digest)]);
    const file = next.claimIncoming(digest);
    expect(file.path).toBe(next.incomingPath(digest));
    expect(readFileSync(file.path, 'utf8')).toBe('half');
    file.remove();
    expect(readdirSync(path.join(store.root, 'incoming'))).toEqual([]);
  });

  test('is not shared: who comes second gets a file of his own, which goes with him', async () => {
    const store = await testStore();
    const [one, two] = [store.claimIncoming(digest), store.claimIncoming(digest)];
    expect(two.path).not.toBe(one.path);
    writeFileSync(one.path, 'one');
    writeFileSync(two.path, 'two');
    two.release();
    one.release();
    one.release();
    expect(readdirSync(path.join(store.root, 'incoming'))).toEqual([digestHex(digest)]);
    expect(readFileSync(store.incomingPath(digest), 'utf8')).toBe('one');
  });

  test('that was let go is not removed from under the next one', async () => {
    const store = await testStore();
    const one = store.claimIncoming(digest);
    one.release();
    const two = store.claimIncoming(digest);
    writeFileSync(two.path, 'two');
    one.remove();
    expect(readFileSync(two.path, 'utf8')).toBe('two');
    expect(store.claimIncoming(digest).path).not.toBe(two.path);
  });

  test('goes with a prune after a day, at once with --all, and never while it is fetched', async () => {
    const store = await testStore();
    const put = (name: string, ageMs: number): string => {
      const file = store.claimIncoming(digestOf(name));
      writeFileSync(file.path, name);
      const when = new Date(Date.now() - ageMs);
      utimesSync(file.path, when, when);
      if (name !== 'held') file.release();
      return digestHex(digestOf(name));
    };
    const [held, young, old] = [put('held', 2 * DAY_MS), put('young', 0), put('old', DAY_MS + 1000)];
    const left = (): string[] =>
      readdirSync(path.join(store.root, 'incoming')).filter((name) => !name.endsWith('.lock'));
    expect(await store.prune({ dryRun: true })).toMatchObject({ garbageFiles: 1 });
    expect((await store.prune()).garbageFiles).toBe(1);
    expect(left().sort()).toEqual([held, young].sort());
    expect(left()).not.toContain(old);
    expect((await store.prune({ all: true })).freedBytes).toBeGreaterThan(0);
    expect(left()).toEqual([held]);
  });

  test('whose process was killed is no longer held', async () => {
    const store = await testStore();
    runKilled(
      store.root,
      `writeFileSync(store.claimIncoming('${digest}').path, 'half');
      writeFileSync(store.claimIncoming('${digest}').path, 'private');`,
    );
    expect(await store.prune({ all: true })).toMatchObject({ garbageFiles: 2 });
    expect(readdirSync(path.join(store.root, 'incoming')).filter((name) => !name.endsWith('.lock'))).toEqual(
      [],
    );
  });
});

test('a temporary file is gone when its process was killed', async () => {
  const store = await testStore();
  runKilled(store.root, `writeFileSync(store.temporaryPath(), 'blob');`);
  expect(readdirSync(path.join(store.root, 'run'))).toHaveLength(1);
  await Store.open(store.root);
  expect(readdirSync(path.join(store.root, 'run'))).toEqual([]);
});

test('a store of before, without a folder for parts, works as it is', async () => {
  const store = await testStore();
  rmdirSync(path.join(store.root, 'incoming'));
  const old = await Store.open(store.root);
  expect(await old.prune({ all: true })).toMatchObject({ garbageFiles: 0 });
  old.claimIncoming(digestOf('x')).release();
});

describe('the name of a digest', () => {
  const digest = `host.test/web@${digestOf('manifest')}`;

  test('goes with the last tag of its repository', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    for (const name of ['host.test/web:1', 'host.test/web:2', 'other:1', digest]) await store.tag(name, id);
    await store.untag('host.test/web:1');
    expect((await store.findImage(digest))?.id).toBe(id);
    expect(await store.removeImage('host.test/web:2')).toEqual({ untagged: ['host.test/web:2', digest] });
    expect(await store.findImage(digest)).toBeUndefined();
    expect((await store.findImage('other:1'))?.id).toBe(id);
  });

  test('goes when its tag moves to another image', async () => {
    const store = await testStore();
    const [one, two] = [await store.putImage(imageOf([], '1')), await store.putImage(imageOf([], '2'))];
    await store.tag('host.test/web:1', one);
    await store.tag(digest, one);
    await store.tag('host.test/web:1', two);
    expect(await store.findImage(digest)).toBeUndefined();
  });

  test('alone keeps an image, and removing it removes the image', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag(digest, id);
    store.close();
    await store.prune();
    expect(await store.removeImage(digest)).toEqual({ untagged: [digest], deleted: id });
  });

  test('does not stand in the way of removing an image by its id', async () => {
    const store = await testStore();
    const id = await store.putImage(imageOf([]));
    await store.tag('host.test/web:1', id);
    await store.tag(digest, id);
    const removed = await store.removeImage(id);
    expect(removed.deleted).toBe(id);
    expect([...removed.untagged].sort()).toEqual(['host.test/web:1', digest].sort());
  });
});
