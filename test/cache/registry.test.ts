/** A real registry as a cache, through a proxy that goes wrong: every failure is one warning, and the build goes on. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openExporter } from '../../src/cache/exporter.ts';
import { openImporter } from '../../src/cache/importer.ts';
import { parseCacheOption, type CacheOption } from '../../src/cache/options.ts';
import { verifyCache, listCache } from '../../src/cache/upkeep.ts';
import { encodeImage } from '../../src/oci/image-artifact.ts';
import { LayerSender } from '../../src/transfer/send-layers.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { parseLocation } from '../../src/oci/location.ts';
import { imageOf, testStore } from '../store/support.ts';
import { startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { exportOf, step, storedLayer, testIo, type TestIo } from './support.ts';

describeWith(REGISTRY_NEEDS, 'a registry as a cache', () => {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  let repository = 0;
  let ref: string;

  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy({ target: `http://${registry.host}` });
  });

  afterAll(async () => {
    await proxy.stop();
    await registry.stop();
  });

  beforeEach(() => {
    proxy.heal();
    proxy.forget();
    ref = `${proxy.host}/cache-${++repository}`;
  });

  const from = (): CacheOption => parseCacheOption(`type=registry,ref=${ref}`, 'from');
  const to = (): CacheOption => parseCacheOption(`type=registry,ref=${ref},mode=max`, 'to');

  async function io(options: Parameters<typeof testIo>[1] = {}): Promise<TestIo> {
    return testIo(await testStore(), { env: { ...registry.env }, ...options });
  }

  /** Exports some steps that all stand on one chain of two layers. */
  async function exported(steps = 3): Promise<TestIo> {
    const own = await io();
    const base = await storedLayer(own.store, randomBytes(50_000));
    const leaf = await storedLayer(own.store, randomBytes(20_000), base);
    const exporter = openExporter([to()], own);
    for (let number = 1; number <= steps; number++) exporter.offer(exportOf(number, [leaf, base]));
    await exporter.finish();
    await exporter.close();
    return own;
  }

  test('holds one record a key under its own tag', async () => {
    const own = await exported();
    expect(own.warnings()).toEqual([]);
    const elsewhere = await io();
    const importer = openImporter([from()], elsewhere);
    const hits = await Promise.all([1, 2, 3, 4].map((number) => importer.lookup(step(number).key)));
    expect(hits.map((hit) => hit?.layers.length)).toEqual([2, 2, 2, undefined]);
    await importer.close();
    expect(elsewhere.warnings()).toEqual([]);
    const { records, problems } = await listCache(from(), elsewhere);
    expect(problems).toEqual([]);
    expect(records.map(({ key }) => key).sort()).toEqual([1, 2, 3].map((number) => step(number).key).sort());
    expect(await verifyCache(from(), elsewhere, { content: true })).toEqual({
      records: 3,
      layers: 2,
      problems: [],
    });
  });

  test('of which nothing exists yet is no reason for a warning', async () => {
    const own = await io();
    const importer = openImporter([from()], own);
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    await importer.close();
    expect(own.warnings()).toEqual([]);
  });

  test('loses nothing when several write at once', async () => {
    const base = randomBytes(30_000);
    const stores = await Promise.all(
      [0, 1, 2].map(async (which) => {
        const own = await io();
        const layer = await storedLayer(own.store, base);
        const exporter = openExporter([to()], own);
        for (let number = 0; number < 8; number++) exporter.offer(exportOf(which * 4 + number, [layer]));
        await exporter.finish();
        await exporter.close();
        return own;
      }),
    );
    expect(stores.flatMap((own) => own.warnings())).toEqual([]);
    const own = await io();
    const importer = openImporter([from()], own);
    for (let number = 0; number < 16; number++) expect(await importer.lookup(step(number).key)).toBeDefined();
    await importer.close();
    expect((await verifyCache(from(), own, { content: true })).problems).toEqual([]);
  });

  const faults: [string, Fault, number][] = [
    ['is not there', { kind: 'drop' }, 1500],
    ['wants to know who asks', { kind: 'answer', status: 401 }, 60_000],
    ['refuses', { kind: 'answer', status: 403 }, 60_000],
    ['limits requests', { kind: 'answer', status: 429, headers: { 'retry-after': '600' } }, 60_000],
    ['is broken', { kind: 'answer', status: 500 }, 1500],
    ['does not answer', { kind: 'stall', direction: 'down', afterBytes: 0 }, 1500],
    ['gives wrong bytes', { kind: 'corrupt', direction: 'down', atByte: 40 }, 60_000],
  ];

  test.each(faults)('that %s is one warning to a build that reads', async (_what, fault, lookupTimeoutMs) => {
    await exported();
    proxy.inject({ method: 'GET', fault });
    const own = await io({ lookupTimeoutMs });
    const importer = openImporter([from()], own);
    for (const number of [1, 2, 3]) expect(await importer.lookup(step(number).key)).toBeUndefined();
    await importer.close();
    expect(own.warnings()).toEqual([expect.stringContaining(`cache registry ${ref}: `) as string]);
  });

  test.each(faults.filter(([, fault]) => fault.kind === 'answer' && fault.status !== 500))(
    'that %s is one warning to a build that writes',
    async (_what, fault) => {
      proxy.inject({ fault });
      const own = await exported();
      expect(own.warnings()).toEqual([expect.stringContaining(`cache registry ${ref}: `) as string]);
    },
  );

  test('that breaks a connection now and then loses nothing', async () => {
    proxy.inject({ method: 'PUT', skip: 1, times: 2, fault: { kind: 'lose-answer' } });
    proxy.inject({ method: 'HEAD', skip: 2, times: 1, fault: { kind: 'drop' } });
    expect((await exported()).warnings()).toEqual([]);
    proxy.inject({
      method: 'GET',
      path: /\/blobs\//,
      times: 2,
      fault: { kind: 'cut', direction: 'down', afterBytes: 20 },
    });
    const own = await io({ lookupTimeoutMs: 60_000 });
    const importer = openImporter([from()], own);
    const hits = [1, 2, 3].map((number) => importer.lookup(step(number).key));
    const found = (await Promise.all(hits)).map((hit) => hit?.key);
    await importer.close();
    expect(own.warnings()).toEqual([]);
    expect(found).toEqual([1, 2, 3].map((number) => step(number).key));
  });

  test('may be the pushed image itself, which is read once', async () => {
    const own = await io();
    const base = await storedLayer(own.store, randomBytes(10_000));
    const place = await openRepository(parseLocation(ref), { env: own.env, signal: own.signal });
    const layers = await new LayerSender(place, own).send([base]);
    const config = { ...imageOf([base]), key: step(7).key };
    const image = encodeImage(config, layers);
    await place.pushBlob(image.config.descriptor, {
      read: () => Readable.from([image.config.bytes]),
    });
    await place.putManifest(image.manifest, 'v1');
    await place.close();
    proxy.forget();
    const importer = openImporter([parseCacheOption(`${ref}:v1`, 'from')], own);
    const hits = await Promise.all([7, 8].map((number) => importer.lookup(step(number).key)));
    expect(hits.map((hit) => hit?.layers[0]?.id)).toEqual([base, undefined]);
    await importer.close();
    expect(proxy.seen('GET', /\/manifests\/v1$/)).toHaveLength(1);
    expect(own.warnings()).toEqual([]);
  });
});
