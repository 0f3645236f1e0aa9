/** A folder as a cache. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import { parseCacheOption, type CacheOption } from '../../src/cache/options.ts';
import type { RemoteHit } from '../../src/cache/remote-cache.ts';
import { listCache, pruneCache, verifyCache } from '../../src/cache/upkeep.ts';
import { layerDescriptors } from '../../src/oci/layer-descriptors.ts';
import { testFolder, testStore } from '../store/support.ts';
import { testWith } from '../support/needs.ts';
import { exportOf, step, storedLayer, testIo, type TestIo } from './support.ts';

const from = (folder: string): CacheOption => parseCacheOption(`type=local,src=${folder}`, 'from');
const to = (folder: string): CacheOption => parseCacheOption(`type=local,dest=${folder},mode=max`, 'to');

async function exported(folder: string, numbers: readonly number[]): Promise<TestIo> {
  const io = testIo(await testStore());
  const exporter = openExporter([to(folder)], io);
  for (const number of numbers) {
    const layer = await storedLayer(io.store, randomBytes(10_000));
    exporter.offer(exportOf(number, [layer]));
  }
  await exporter.finish();
  await exporter.close();
  return io;
}

const blobsOf = (folder: string): string[] => readdirSync(path.join(folder, 'blobs', 'sha256'));

/** As if it had been used that long ago. */
function age(file: string, hours: number): void {
  const then = new Date(Date.now() - hours * 3_600_000);
  utimesSync(file, then, then);
}

test('one record a key lies in a file of its own', async () => {
  const folder = path.join(testFolder(), 'cache');
  expect((await exported(folder, [1, 2])).warnings()).toEqual([]);
  expect(readdirSync(path.join(folder, 'keys')).sort()).toEqual([step(1).key, step(2).key].sort());
  const io = testIo(await testStore());
  const importer = openImporter([from(folder)], io);
  expect(await importer.lookup(step(1).key)).toMatchObject({ ...step(1), origin: 'local' });
  expect(await importer.lookup(step(3).key)).toBeUndefined();
  await importer.close();
  expect(await verifyCache(from(folder), io, { content: true })).toEqual({
    records: 2,
    layers: 2,
    problems: [],
  });
  expect((await listCache(from(folder), io)).records.map(({ layerCount }) => layerCount)).toEqual([1, 1]);
});

testWith(['zstd'], 'its blobs are what a layout holds: zstd gives back the layer', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1]);
  const id = readdirSync(path.join(io.store.root, 'layers')).find((name) => name.endsWith('.vhdx'))!;
  const form = (await io.store.layerForm(path.parse(id).name))!;
  const blob = path.join(folder, 'blobs', 'sha256', form.blobs[0].digest.slice('sha256:'.length));
  const unpacked = execFileSync('zstd', ['-dc', blob]);
  execFileSync('cmp', ['-', io.store.layerPath(path.parse(id).name)], { input: unpacked });
});

test('a folder that is not there yet is an empty cache', async () => {
  const io = testIo(await testStore());
  const folder = path.join(testFolder(), 'nothing');
  const importer = openImporter([from(folder)], io);
  expect(await importer.lookup(step(1).key)).toBeUndefined();
  expect(io.warnings()).toEqual([]);
  expect(existsSync(folder)).toBe(false);
});

test('several processes writing at once lose nothing', async () => {
  const folder = path.join(testFolder(), 'cache');
  const script = path.join(testFolder(), 'export.ts');
  writeFileSync(script, exportScript(folder));
  const outputs = await Promise.all(
    [0, 1, 2].map(async (which) => {
      const child = spawn(process.execPath, [script, String(which), path.join(testFolder(), 'store')]);
      const [output, errors] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ]);
      return output + errors;
    }),
  );
  expect(outputs).toEqual(['done\n', 'done\n', 'done\n']);
  const io = testIo(await testStore());
  const { records, problems } = await verifyCache(from(folder), io, { content: true });
  expect({ records, problems }).toEqual({ records: 20, problems: [] });
});

test('a record that was torn counts as none, and is written again', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1]);
  const file = path.join(folder, 'keys', step(1).key);
  writeFileSync(file, '');
  const importer = openImporter([from(folder)], io);
  expect(await importer.lookup(step(1).key)).toBeUndefined();
  await exported(folder, [1]);
  expect(await openImporter([from(folder)], io).lookup(step(1).key)).toBeDefined();
  expect(io.warnings()).toEqual([]);
});

test('a file where the folder should be is one warning', async () => {
  const folder = path.join(testFolder(), 'cache');
  writeFileSync(folder, '');
  const io = testIo(await testStore());
  const importer = openImporter([from(folder)], io);
  for (const number of [1, 2]) expect(await importer.lookup(step(number).key)).toBeUndefined();
  const exporter = openExporter([to(folder)], io);
  exporter.offer(exportOf(1, [await storedLayer(io.store, randomBytes(10))]));
  await exporter.finish();
  expect(io.warnings()).toHaveLength(2);
});

test('a blob with other bytes, and one that is gone, are found', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1, 2]);
  const named = await Promise.all(
    readdirSync(path.join(io.store.root, 'layers'))
      .filter((name) => name.endsWith('.vhdx'))
      .map(async (name) => (await io.store.layerForm(path.parse(name).name))!.blobs[0]),
  );
  const [changed, gone] = named.map(({ digest }) => path.join(folder, 'blobs', 'sha256', digest.slice(7)));
  writeFileSync(changed, randomBytes(named[0].sizeBytes));
  execFileSync('rm', [gone]);
  const codes = (verdict: { problems: readonly { code: string }[] }) =>
    verdict.problems.map(({ code }) => code).sort();
  expect(codes(await verifyCache(from(folder), io))).toEqual(['OCI_BLOB_MISSING']);
  expect(codes(await verifyCache(from(folder), io, { content: true }))).toEqual([
    'OCI_BLOB_MISSING',
    'OCI_DIGEST_MISMATCH',
  ]);
});

test('a layer with other bytes is refused, and the next export mends it', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1]);
  const id = readdirSync(path.join(io.store.root, 'layers')).find((name) => name.endsWith('.vhdx'))!;
  const [blob] = layerDescriptors((await io.store.layerForm(path.parse(id).name))!);
  writeFileSync(path.join(folder, 'blobs', 'sha256', blob.digest.slice(7)), randomBytes(blob.size));
  const refused = new Set<string>();
  const elsewhere = testIo(await testStore(), { refused });
  const importer = openImporter([from(folder)], elsewhere);
  const hit = (await importer.lookup(step(1).key))!;
  const reading = fetched(hit, elsewhere);
  await expect(reading).rejects.toMatchObject({ code: 'OCI_DIGEST_MISMATCH' });
  importer.distrust(hit, await reading.catch((error: unknown) => error));
  expect(elsewhere.warnings()).toHaveLength(1);
  const exporter = openExporter([to(folder)], { ...io, refused });
  exporter.offer(exportOf(1, [path.parse(id).name]));
  await exporter.finish();
  expect((await verifyCache(from(folder), io, { content: true })).problems).toEqual([]);
});

test('a prune takes records that nobody used, and the blobs that no record names', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1, 2]);
  for (const name of blobsOf(folder)) age(path.join(folder, 'blobs', 'sha256', name), 30);
  age(path.join(folder, 'keys', step(1).key), 30);
  const day = 24 * 3_600_000;
  const wouldGo = await pruneCache(from(folder), io, { olderThanMs: day, dryRun: true });
  expect(wouldGo).toMatchObject({ records: [step(1).key], blobs: 2 });
  expect(await pruneCache(from(folder), io, { olderThanMs: day })).toEqual(wouldGo);
  expect(blobsOf(folder)).toHaveLength(2);
  expect((await verifyCache(from(folder), io, { content: true })).problems).toEqual([]);
  expect(await pruneCache(from(folder), io, { olderThanMs: day })).toMatchObject({
    records: [],
    blobs: 0,
    freedBytes: 0,
  });
});

test('a prune leaves what a build may be about to name', async () => {
  const folder = path.join(testFolder(), 'cache');
  const io = await exported(folder, [1]);
  for (const name of blobsOf(folder)) age(path.join(folder, 'blobs', 'sha256', name), 30);
  execFileSync('rm', [path.join(folder, 'keys', step(1).key)]);
  // A build that exports the same layer looks at its blob.
  const id = readdirSync(path.join(io.store.root, 'layers')).find((name) => name.endsWith('.vhdx'))!;
  const exporter = openExporter([to(folder)], io);
  exporter.offer(exportOf(5, [path.parse(id).name]));
  await exporter.finish();
  execFileSync('rm', [path.join(folder, 'keys', step(5).key)]);
  const { blobs } = await pruneCache(from(folder), io, {});
  expect(blobs).toBe(1);
});

test('other caches say that they cannot be pruned or listed', async () => {
  const io = testIo(await testStore());
  const refused = { code: 'CACHE_UNSUPPORTED' };
  const gha = parseCacheOption('type=gha', 'from');
  const registry = parseCacheOption('127.0.0.1:1/x', 'from');
  await expect(pruneCache(registry, io, {})).rejects.toMatchObject(refused);
  await expect(listCache(gha, io)).rejects.toMatchObject(refused);
  await expect(verifyCache(parseCacheOption('type=inline', 'to'), io)).rejects.toMatchObject(refused);
});

/** Reads the layers of a hit. */
async function fetched({ layers, from: place }: RemoteHit, { signal }: TestIo): Promise<void> {
  for (const blob of layers.flatMap(({ form }) => layerDescriptors(form))) {
    const { stream } = await place.readBlob(blob, { signal });
    for await (const _piece of stream);
  }
}

function exportScript(folder: string): string {
  const source = path.resolve(import.meta.dirname, '../../src');
  return `
    import { writeFileSync } from 'node:fs';
    import { openExporter } from '${source}/cache/exporter.ts';
    import { Store } from '${source}/store/store.ts';
    import { sha256Hex } from '${source}/oci/digest.ts';
    import { canonicalJson } from '${source}/base/canonical-json.ts';
    const which = Number(process.argv[2]);
    const store = await Store.open(process.argv[3]);
    const { id, path } = store.newLayer();
    writeFileSync(path, Buffer.alloc(5000, 7));
    await store.sealLayer({ id });
    const option = { type: 'local', name: 'local', folder: ${JSON.stringify(folder)}, mode: 'max', ignoreError: false };
    const io = { store, env: {}, signal: new AbortController().signal, onEvent() {} };
    const exporter = openExporter([option], io);
    for (let number = which * 5; number < which * 5 + 10; number++) {
      const inputs = { scheme: 1, number };
      const key = sha256Hex(canonicalJson(inputs));
      exporter.offer({ key, inputs, created: '2026-01-01T00:00:00.000Z', layers: [id], isOfTarget: true });
    }
    await exporter.finish();
    await exporter.close();
    store.close();
    console.log('done');
  `;
}
