/** type=gha against a stand-in of GitHub's cache service, through the real package. */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import { layerDescriptors } from '../../src/oci/layer-descriptors.ts';
import { verifiedBlob } from '../../src/oci/verified-blob.ts';
import { testFolder } from '../store/support.ts';
import { describeWith } from '../support/needs.ts';
import { FROM, GHA_NEEDS, ghaSetting, TO } from './gha-support.ts';
import { exportOf, step, storedLayer, type TestIo } from './support.ts';

describeWith(GHA_NEEDS, "GitHub's cache service", () => {
  const setting = ghaSetting();
  const { exported, io } = setting;

  test('takes layers and records, and gives them back byte for byte', async () => {
    const bytes = randomBytes(300_000);
    const from = await exported(bytes);
    expect(from.warnings()).toEqual([]);
    const blob = (await from.store.layerForm(readLayerIds(from)[0]))!;
    const keys = setting.service.entries.map(({ key }) => key).sort();
    expect(keys).toEqual([`blob-${blob.blobs[0].digest}`, `web-${step(1).key}`].sort());

    const elsewhere = await io();
    const importer = openImporter([FROM], elsewhere);
    const hit = (await importer.lookup(step(1).key))!;
    expect(hit).toMatchObject({ ...step(1), origin: 'gha' });
    const descriptor = layerDescriptors(hit.layers[0].form)[0];
    const { stream } = await hit.from.readBlob(descriptor);
    let size = 0;
    for await (const piece of verifiedBlob(stream, descriptor, 'blob')) size += piece.length;
    expect(size).toBe(descriptor.size);
    const { stream: tail } = await hit.from.readBlob(descriptor, { offset: size - 10, length: 4 });
    let tailBytes = 0;
    for await (const piece of tail) tailBytes += piece.length;
    expect(tailBytes).toBe(4);
    expect(await importer.lookup(step(2).key)).toBeUndefined();
    await importer.close();
    expect(elsewhere.warnings()).toEqual([]);
    // Nothing of the threads' folders stays.
    expect(readdirSync(path.join(elsewhere.store.root, 'run'))).toEqual([]);
  });

  test('is asked only whether a record is there that was exported before', async () => {
    const from = await exported(randomBytes(1000));
    setting.service.calls.length = 0;
    const exporter = openExporter([TO], from);
    exporter.offer(exportOf(1, readLayerIds(from)));
    await exporter.finish();
    await exporter.close();
    expect(setting.service.calls).toEqual([{ call: 'GetCacheEntryDownloadURL', key: `web-${step(1).key}` }]);
  });

  test('loses nothing when another job has written the same at the same time', async () => {
    const from = await io();
    const layer = await storedLayer(from.store, randomBytes(1000));
    await Promise.all(
      [1, 2].map(async () => {
        const exporter = openExporter([TO], from);
        exporter.offer(exportOf(1, [layer]));
        await exporter.finish();
        await exporter.close();
      }),
    );
    expect(from.warnings()).toEqual([]);
    expect(setting.service.entries.filter(({ isFinished }) => isFinished)).toHaveLength(2);
  });

  test('cannot make an entry write outside its folder', async () => {
    await exported(randomBytes(1000));
    const target = path.join(testFolder(), 'outside');
    const entry = setting.service.entries.find(({ key }) => key.startsWith('web-'))!;
    entry.content = hostileArchive(target);
    const from = await io();
    const importer = openImporter([FROM], from);
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    await importer.close();
    expect(existsSync(target)).toBe(false);
    expect(existsSync(`${target}-2`)).toBe(false);
    expect(existsSync(`${target}-3`)).toBe(false);
  });

  test('is given up at once with the build', async () => {
    setting.service.faults.push({ call: 'GetCacheEntryDownloadURL', hang: true });
    const stop = new AbortController();
    const from = await io({ signal: stop.signal });
    const importer = openImporter([FROM], from);
    const asked = importer.lookup(step(1).key);
    await expect.poll(() => setting.service.calls.length, { timeout: 60_000 }).toBe(1);
    stop.abort();
    expect(await asked).toBeUndefined();
    await importer.close();
    expect(from.warnings()).toEqual([]);
  });

  test('says what is missing outside a job', async () => {
    const from = await io({ env: {} });
    const importer = openImporter([FROM], from);
    await Promise.all([importer.lookup(step(1).key), importer.lookup(step(2).key)]);
    await importer.close();
    const warnings = from.events.filter(({ type }) => type === 'warning');
    expect(warnings).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('ACTIONS_RESULTS_URL is not set') as string,
        hint: expect.stringContaining('action') as string,
      }),
    ]);
  });

  test('prints nothing to the terminal of the build', async () => {
    const script = path.join(testFolder(), 'ask.ts');
    writeFileSync(script, askScript());
    expect(await run(script, setting.service.env)).toBe('done\n');
  });
});

function readLayerIds({ store }: TestIo): string[] {
  return readdirSync(path.join(store.root, 'layers'))
    .filter((name) => name.endsWith('.vhdx'))
    .map((name) => name.slice(0, -'.vhdx'.length));
}

/** An archive whose members have an absolute name, one with `..`, and one below a link to the outside. */
function hostileArchive(target: string): Uint8Array {
  const folder = testFolder();
  mkdirSync(path.join(folder, 'entry'));
  for (const name of ['a', 'b', 'c']) writeFileSync(path.join(folder, 'entry', name), 'hostile');
  const archive = path.join(folder, 'hostile.tar.zst');
  const up = `entry/${'../'.repeat(20)}${target.slice(1)}-2`;
  const link = path.join(folder, 'entry', 'link');
  execFileSync('ln', ['-s', path.dirname(target), link]);
  execFileSync('tar', [
    ...['--zstd', '-P', '-cf', archive, '-C', folder, 'entry/link'],
    ...['--transform', `flags=r;s,^entry/a$,${target},`, '--transform', `flags=r;s,^entry/b$,${up},`],
    ...['--transform', `flags=r;s,^entry/c$,entry/link/${path.basename(target)}-3,`],
    ...['entry/a', 'entry/b', 'entry/c'],
  ]);
  return readFileSync(archive);
}

function askScript(): string {
  const source = path.resolve(import.meta.dirname, '../../src');
  return `
    import { openGhaCache } from '${source}/cache/gha-cache.ts';
    const option = { type: 'gha', name: 'gha web', scope: 'web', mode: 'max', ignoreError: true };
    const io = { store: { root: import.meta.dirname }, env: process.env, signal: new AbortController().signal, onEvent() {} };
    const cache = openGhaCache(option, io);
    await cache.manifest('${step(1).key}');
    await cache.close();
    console.log('done');
  `;
}

function run(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}
