/** Asking caches for steps, over repositories in memory that fail as they are told. */
import { describe, expect, test } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { openImporter } from '../../src/cache/importer.ts';
import type { CacheImporter } from '../../src/cache/remote-cache.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { encodeImage } from '../../src/oci/image-artifact.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { imageOf, testStore } from '../store/support.ts';
import {
  BASE,
  FROM,
  inMemory,
  LEAF,
  layerId,
  paperLayer,
  putRecord,
  record,
  step,
  testIo,
  type TestIo,
} from './support.ts';

interface Setting {
  readonly io: TestIo;
  readonly importer: CacheImporter;
  readonly repository: MemoryRepository;
}

async function setting(options: Parameters<typeof testIo>[1] = {}): Promise<Setting> {
  const repository = new MemoryRepository();
  const io = testIo(await testStore(), options);
  return { io, repository, importer: openImporter([FROM], io, inMemory(repository)) };
}

describe('a lookup', () => {
  test('finds what another machine exported', async () => {
    const { importer, repository, io } = await setting();
    putRecord(repository, record(1));
    const hit = await importer.lookup(step(1).key);
    expect(hit).toMatchObject({ ...record(1), origin: 'registry' });
    expect(hit?.from).toBe(repository);
    expect(io.warnings()).toEqual([]);
  });

  test('finds a small value', async () => {
    const { importer, repository } = await setting();
    const memo = {
      key: 'tree-1',
      inputs: {},
      created: '2026-01-01T00:00:00.000Z',
      value: 'sha256:0',
      layers: [],
    };
    putRecord(repository, memo);
    expect(await importer.lookup('tree-1')).toMatchObject({ value: 'sha256:0', layers: [] });
  });

  test('that finds nothing is no reason for a warning', async () => {
    const { importer, io } = await setting();
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    expect(io.warnings()).toEqual([]);
  });

  test('is sent once, however often it is asked', async () => {
    const { importer, repository } = await setting();
    putRecord(repository, record(1));
    const { key } = step(1);
    const hits = await Promise.all([importer.lookup(key), importer.lookup(key)]);
    expect(hits[0]).toBe(hits[1]);
    await importer.lookup(key);
    expect(repository.count('manifest', `cache-${key}`)).toBe(1);
  });

  test('goes to all caches at once, and the first named one that has it counts', async () => {
    const [first, second] = [new MemoryRepository(), new MemoryRepository()];
    const io = testIo(await testStore());
    const importer = openImporter([FROM, { ...FROM }], io, inMemory(first, second));
    putRecord(first, record(1));
    putRecord(second, record(1));
    putRecord(second, record(2));
    expect((await importer.lookup(step(1).key))?.from).toBe(first);
    expect((await importer.lookup(step(2).key))?.from).toBe(second);
    expect(second.count('manifest', `cache-${step(1).key}`)).toBe(1);
  });

  test('asks no more than some keys at the same time', async () => {
    const { importer, repository } = await setting();
    let now = 0;
    let most = 0;
    repository.onRequest = async ({ target }) => {
      if (!target.startsWith('cache-')) return;
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now--;
    };
    await Promise.all(Array.from({ length: 50 }, (_, number) => importer.lookup(step(number).key)));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });
});

describe('a cache that fails', () => {
  test.each([
    ['cannot be reached', new Error('connect ECONNREFUSED 127.0.0.1:1')],
    ['lacks space', new HyperfileError('DISK_FULL', { data: { path: '/x' } })],
  ])('and %s gives one warning and is asked no more', async (_what, failure) => {
    const { importer, repository, io } = await setting();
    repository.onRequest = () => {
      throw failure;
    };
    const keys = [1, 2, 3, 4].map((number) => step(number).key);
    expect(await Promise.all(keys.map((key) => importer.lookup(key)))).toEqual(keys.map(() => undefined));
    const asked = repository.requests.length;
    expect(await importer.lookup(step(9).key)).toBeUndefined();
    expect(repository.requests.length).toBe(asked);
    expect(io.warnings()).toEqual([expect.stringContaining('cache registry 127.0.0.1:1/cache: ') as string]);
    expect(io.warnings()[0]).toContain(failure.message);
  });

  test('does not keep another one from being asked', async () => {
    const [broken, whole] = [new MemoryRepository(), new MemoryRepository()];
    const io = testIo(await testStore());
    const importer = openImporter([FROM, { ...FROM }], io, inMemory(broken, whole));
    broken.onRequest = () => {
      throw new Error('down');
    };
    putRecord(whole, record(1));
    expect((await importer.lookup(step(1).key))?.from).toBe(whole);
    expect(io.warnings()).toHaveLength(1);
  });

  test('and never answers is waited for no longer than the limit', async () => {
    const { importer, repository, io } = await setting({ lookupTimeoutMs: 30 });
    repository.onRequest = () => new Promise(() => undefined);
    const keys = [1, 2].map((number) => step(number).key);
    await Promise.all(keys.map((key) => importer.lookup(key)));
    expect(io.warnings()).toEqual([expect.stringContaining('no answer within 0.03 s') as string]);
  });

  test('is waited for as long as its option or the environment says', async () => {
    const env = { HYPERFILE_CACHE_TIMEOUT: '20ms' };
    const { importer, repository, io } = await setting({ env });
    repository.onRequest = () => new Promise(() => undefined);
    await importer.lookup(step(1).key);
    expect(io.warnings()).toEqual([expect.stringContaining('no answer within 0.02 s') as string]);
    const patient = openImporter([{ ...FROM, timeoutMs: 30 }], io, inMemory(repository));
    await patient.lookup(step(1).key);
    expect(io.warnings()[1]).toContain('no answer within 0.03 s');
    const wrong = { ...io, env: { HYPERFILE_CACHE_TIMEOUT: 'soon' } };
    expect(() => openImporter([FROM], wrong)).toThrow('HYPERFILE_CACHE_TIMEOUT=soon');
  });

  test('when opened gives one warning too', async () => {
    const io = testIo(await testStore());
    const importer = openImporter([FROM], io, () => Promise.reject(new Error('no credentials')));
    await Promise.all([importer.lookup(step(1).key), importer.lookup(step(2).key)]);
    expect(io.warnings()).toHaveLength(1);
  });
});

describe('a record that is no use', () => {
  const other = record(7);
  const broken: [string, (repository: MemoryRepository) => void][] = [
    ['is that of another key', (repository) => putRecord(repository, other, `cache-${step(1).key}`)],
    [
      'has inputs that are not those of its key',
      (r) => putRecord(r, { ...record(1), inputs: { scheme: 1 } }),
    ],
    ['names no layers', (repository) => putRecord(repository, { ...record(1), layers: [] })],
    [
      'has a chain that does not fit together',
      (r) => putRecord(r, { ...record(1), layers: [paperLayer(layerId(3), layerId(9)), BASE] }),
    ],
    [
      'is not JSON',
      (repository) => {
        const bytes = Buffer.from('{');
        repository.manifests.set(digestOf(bytes), {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          bytes,
        });
        repository.tagged.set(`cache-${step(1).key}`, digestOf(bytes));
      },
    ],
    [
      'has a config with other bytes than it says',
      (repository) => {
        putRecord(repository, record(1));
        repository.onPiece = (piece) => piece.map((byte) => byte ^ 1);
      },
    ],
    [
      'has lost its config',
      (repository) => {
        putRecord(repository, record(1));
        repository.blobs.clear();
      },
    ],
  ];

  test.each(broken)('and %s costs only itself, with one warning', async (_what, breakIt) => {
    const refused = new Set<string>();
    const { importer, repository, io } = await setting({ refused });
    breakIt(repository);
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    expect(io.warnings()).toHaveLength(1);
    expect([...refused]).toEqual([step(1).key]);
    delete repository.onPiece;
    putRecord(repository, record(2));
    expect(await importer.lookup(step(2).key)).toBeDefined();
  });
});

describe('a cache whose layers turn out to be poisoned', () => {
  test('is reported, and asked no more', async () => {
    const refused = new Set<string>();
    const { importer, repository, io } = await setting({ refused });
    for (const number of [1, 2]) putRecord(repository, record(number));
    const hit = (await importer.lookup(step(1).key))!;
    await importer.lookup(step(2).key);
    importer.distrust(
      hit,
      new HyperfileError('OCI_DIGEST_MISMATCH', { data: { name: 'x', expected: 'a', found: 'b' } }),
    );
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    expect(await importer.lookup(step(2).key)).toBeUndefined();
    expect(io.warnings()).toHaveLength(1);
    expect(refused).toContain(step(1).key);
  });
});

describe('an image with keys', () => {
  test('is read once, and is a cache for the steps that made it', async () => {
    const { importer, repository } = await setting();
    const layers = [paperLayer(LEAF.id, BASE.id, step(2).key), paperLayer(BASE.id, undefined, step(1).key)];
    const config = { ...imageOf(layers.map(({ id }) => id)), key: step(3).key };
    const { manifest, config: encoded } = encodeImage(config, layers);
    repository.addBlob(encoded.bytes);
    repository.manifests.set(manifest.descriptor.digest, manifest);
    repository.tagged.set('latest', manifest.descriptor.digest);
    const chain = async (number: number) =>
      (await importer.lookup(step(number).key))?.layers.map(({ id }) => id);
    expect(await chain(1)).toEqual([BASE.id]);
    expect(await chain(2)).toEqual([LEAF.id, BASE.id]);
    expect(await chain(3)).toEqual([LEAF.id, BASE.id]);
    expect(await chain(4)).toBeUndefined();
    expect(repository.count('manifest', 'latest')).toBe(1);
  });
});

test('a build that is given up warns of nothing', async () => {
  const stop = new AbortController();
  const { importer, repository, io } = await setting({ signal: stop.signal });
  repository.onRequest = () => new Promise(() => undefined);
  const asked = importer.lookup(step(1).key);
  stop.abort();
  expect(await asked).toBeUndefined();
  await importer.close();
  expect(io.warnings()).toEqual([]);
});
