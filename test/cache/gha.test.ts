/** type=gha against a stand-in of GitHub's cache service, through the real package. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import { parseCacheOption } from '../../src/cache/options.ts';
import { layerDescriptors } from '../../src/oci/layer-descriptors.ts';
import { verifiedBlob } from '../../src/oci/verified-blob.ts';
import { testFolder, testStore } from '../store/support.ts';
import { startActionsCacheService, type ActionsCacheService } from '../support/actions-cache-service.ts';
import { describeWith } from '../support/needs.ts';
import { exportOf, step, storedLayer, testIo, type TestIo } from './support.ts';

const FROM = parseCacheOption('type=gha,scope=web', 'from');
const TO = parseCacheOption('type=gha,scope=web,mode=max', 'to');

describeWith(
  ['tar', 'zstd', 'node_modules/@actions/cache'.replace(/^/, `${process.cwd()}/`)],
  "GitHub's cache service",
  () => {
    let service: ActionsCacheService;

    beforeAll(async () => {
      service = await startActionsCacheService();
    });

    afterAll(() => service.stop());

    beforeEach(() => {
      for (const list of [service.entries, service.calls, service.faults]) list.length = 0;
    });

    async function io(options: Parameters<typeof testIo>[1] = {}): Promise<TestIo> {
      return testIo(await testStore(), { env: { ...process.env, ...service.env }, ...options });
    }

    /** Exports one step with one layer of these bytes. */
    async function exported(bytes: Uint8Array): Promise<TestIo> {
      const from = await io();
      const exporter = openExporter([TO], from);
      exporter.offer(exportOf(1, [await storedLayer(from.store, bytes)]));
      await exporter.finish();
      await exporter.close();
      return from;
    }

    test('takes layers and records, and gives them back byte for byte', async () => {
      const bytes = randomBytes(300_000);
      const from = await exported(bytes);
      expect(from.warnings()).toEqual([]);
      const blob = (await from.store.layerForm(readLayerIds(from)[0]))!;
      const keys = service.entries.map(({ key }) => key).sort();
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
      service.calls.length = 0;
      const exporter = openExporter([TO], from);
      exporter.offer(exportOf(1, readLayerIds(from)));
      await exporter.finish();
      await exporter.close();
      expect(service.calls).toEqual([{ call: 'GetCacheEntryDownloadURL', key: `web-${step(1).key}` }]);
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
      expect(service.entries.filter(({ isFinished }) => isFinished)).toHaveLength(2);
    });

    test.each([
      ['limits requests', { call: 'GetCacheEntryDownloadURL', status: 429 } as const, 'Rate limited'],
      [
        'lets nobody in',
        { call: 'GetCacheEntryDownloadURL', status: 403, message: 'forbidden' } as const,
        '403',
      ],
      ['never answers', { call: 'GetCacheEntryDownloadURL', hang: true } as const, 'no answer within 1.5 s'],
      [
        'fails again and again',
        { call: 'GetCacheEntryDownloadURL', status: 500 } as const,
        'no answer within 1.5 s',
      ],
    ])('that %s is one warning', async (_what, fault, says) => {
      service.faults.push(fault);
      const from = await io({ lookupTimeoutMs: 1500 });
      const importer = openImporter([FROM], from);
      await Promise.all([1, 2, 3].map((number) => importer.lookup(step(number).key)));
      await importer.lookup(step(4).key);
      await importer.close();
      expect(from.warnings()).toEqual([expect.stringContaining(says) as string]);
      expect(from.warnings()[0]).toContain('cache gha web: ');
    });

    test.each([
      ['refuses entries', { call: 'CreateCacheEntry', status: 429 } as const, '429'],
      [
        'refuses entries of this job',
        { call: 'CreateCacheEntry', status: 403, message: 'cache write denied: untrusted' } as const,
        'cache write denied',
      ],
      [
        'does not finish entries',
        { call: 'FinalizeCacheEntryUpload', status: 400, message: 'too big' } as const,
        'too big',
      ],
    ])('that %s is one warning of the export', async (_what, fault, says) => {
      service.faults.push(fault);
      const from = await exported(randomBytes(1000));
      expect(from.warnings()).toEqual([expect.stringContaining(says) as string]);
      expect(from.warnings()[0]).not.toContain(service.env.ACTIONS_RUNTIME_TOKEN);
      expect(from.warnings()[0]).not.toContain('c2lnbmVk');
    });

    test('that fails once is asked again by the package', async () => {
      await exported(randomBytes(1000));
      service.faults.push({ call: 'GetCacheEntryDownloadURL', status: 503, times: 1 });
      const from = await io();
      const importer = openImporter([FROM], from);
      expect(await importer.lookup(step(1).key)).toBeDefined();
      await importer.close();
      expect(from.warnings()).toEqual([]);
    });

    test('that gives wrong bytes is one warning', async () => {
      await exported(randomBytes(1000));
      service.faults.push({ call: 'get', corrupt: true });
      const from = await io();
      const importer = openImporter([FROM], from);
      expect(await importer.lookup(step(1).key)).toBeUndefined();
      await importer.close();
      expect(from.warnings()).toHaveLength(1);
    });

    test('cannot make an entry write outside its folder', async () => {
      await exported(randomBytes(1000));
      const target = path.join(testFolder(), 'outside');
      const entry = service.entries.find(({ key }) => key.startsWith('web-'))!;
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
      service.faults.push({ call: 'GetCacheEntryDownloadURL', hang: true });
      const stop = new AbortController();
      const from = await io({ signal: stop.signal });
      const importer = openImporter([FROM], from);
      const asked = importer.lookup(step(1).key);
      await expect.poll(() => service.calls.length, { timeout: 10_000 }).toBe(1);
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
      const output = execAsync(script, service.env);
      expect((await output).trim()).toBe('done');
    });
  },
);

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

async function execAsync(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { execFile } = await import('node:child_process');
  await sleep(0);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      if (error) reject(error);
      else resolve(stdout + stderr);
    });
  });
}
