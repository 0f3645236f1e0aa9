import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ReadBlobOptions, Repository } from '../../src/oci/repository.ts';
import { openRegistryRepository } from '../../src/registry/repository.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { collect, HASTY, hastyClient, makeBlob, RESTLESS, type TestBlob } from './blobs.ts';
import { startSpecRegistry, type SpecRegistry } from './spec-registry.ts';

const MIB = 1 << 20;
const blob = makeBlob(3 * MIB + 7);
const { size } = blob.descriptor;

let registry: SpecRegistry;
let proxy: FaultProxy;
let repository: Repository;

beforeAll(async () => {
  registry = await startSpecRegistry();
  registry.blobs.set(blob.descriptor.digest, blob.bytes);
  proxy = await startFaultProxy({ target: registry.url });
  repository = openRegistryRepository(hastyClient(proxy.host), 'team/web', HASTY);
});

afterEach(() => {
  proxy.heal();
  proxy.forget();
  registry.knowsRanges = true;
});

afterAll(async () => {
  await repository.close();
  await proxy.stop();
  await registry.stop();
});

async function read(options?: ReadBlobOptions, { descriptor }: TestBlob = blob): Promise<Buffer> {
  const body = await repository.readBlob(descriptor, options);
  return collect(body.stream);
}

function expectPart(found: Buffer, start = 0, end = size): void {
  expect(found.length).toBe(end - start);
  expect(found.equals(blob.bytes.subarray(start, end))).toBe(true);
}

function cutDown(afterBytes: number, times = 1, skip = 0): void {
  proxy.inject({ method: 'GET', skip, times, fault: { kind: 'cut', direction: 'down', afterBytes } });
}

function ranges(): (string | undefined)[] {
  return proxy.requests.map(({ headers }) => headers.range);
}

test('a blob is read whole, or any part of it, each with one request', async () => {
  expectPart(await read());
  expectPart(await read({ offset: 1000 }), 1000);
  expectPart(await read({ offset: 5, length: 70_000 }), 5, 70_005);
  expectPart(await read({ offset: size - 10, length: 1000 }), size - 10);
  expect(ranges()).toEqual([
    undefined,
    `bytes=1000-${size - 1}`,
    'bytes=5-70004',
    `bytes=${size - 10}-${size - 1}`,
  ]);
});

test('nothing is asked for where there is nothing to read', async () => {
  expectPart(await read({ offset: size }), size);
  expectPart(await read({ offset: 10, length: 0 }), 10, 10);
  expect(proxy.requests).toEqual([]);
});

test('after a break the rest is asked for, and nothing twice', async () => {
  cutDown(MIB);
  expectPart(await read());
  const [first, second] = proxy.requests;
  expect(second?.headers.range).toMatch(new RegExp(`^bytes=\\d+-${size - 1}$`));
  const resumedAt = Number(/\d+/.exec(second?.headers.range ?? '')?.[0]);
  expect(resumedAt).toBeGreaterThan(0);
  expect(resumedAt).toBeLessThanOrEqual(first?.downBytes ?? 0);
});

test('a stalled connection is a broken one', async () => {
  proxy.inject({ method: 'GET', times: 1, fault: { kind: 'stall', direction: 'down', afterBytes: MIB } });
  const restless = openRegistryRepository(hastyClient(proxy.host), 'team/web', RESTLESS);
  const { stream } = await restless.readBlob(blob.descriptor, { offset: 3 });
  expectPart(await collect(stream), 3);
  expect(proxy.requests.length).toBeGreaterThan(1);
});

test('a server that drips bytes is given up like one that stalls, and does not hold anybody', async () => {
  const slow = { kind: 'slow', direction: 'down', bytesPerSecond: 2000 } as const;
  const one = proxy.inject({ method: 'GET', times: 1, fault: slow });
  const restless = openRegistryRepository(hastyClient(proxy.host), 'team/web', RESTLESS);
  expectPart(await collect((await restless.readBlob(blob.descriptor)).stream));
  one.remove();
  proxy.inject({ method: 'GET', fault: slow });
  const hasty = openRegistryRepository(hastyClient(proxy.host), 'team/web', { ...HASTY, stallMs: 300 });
  const body = await hasty.readBlob(blob.descriptor);
  await expect(collect(body.stream)).rejects.toMatchObject({ code: 'REGISTRY_TRANSFER_BROKEN' });
});

test('a server that begins elsewhere than it was asked to is taken as it is, also after a break', async () => {
  registry.knowsRanges = false;
  const body = await repository.readBlob(blob.descriptor, { offset: 1000 });
  expect(body.offset).toBe(0);
  expectPart(await collect(body.stream));
  cutDown(2 * MIB);
  expectPart(await read());
  const part = await repository.readBlob(blob.descriptor, { offset: 1000, length: 2000 });
  expectPart(await collect(part.stream), part.offset, 3000);
});

test('a registry that has too much to do while a blob is read is asked again', async () => {
  cutDown(MIB);
  proxy.inject({ method: 'GET', skip: 1, times: 2, fault: { kind: 'answer', status: 503 } });
  expectPart(await read());
});

test('it ends when nothing more comes, and says how often it was tried', async () => {
  cutDown(1000);
  proxy.inject({ method: 'GET', skip: 1, fault: { kind: 'drop' } });
  await expect(read()).rejects.toMatchObject({ code: 'REGISTRY_TRANSFER_BROKEN', data: { attempts: 4 } });
});

test('a server without ranges that always breaks at the same place does not hold us forever', async () => {
  registry.knowsRanges = false;
  cutDown(MIB, Infinity);
  await expect(read()).rejects.toMatchObject({ code: 'REGISTRY_TRANSFER_BROKEN' });
});

test('a blob that is not there is told at once, also when it goes away in between', async () => {
  const missing = makeBlob(100, 'missing');
  await expect(read({}, missing)).rejects.toMatchObject({ code: 'OCI_BLOB_MISSING' });
  expect(await repository.hasBlob(missing.descriptor)).toBe(false);
  expect(await repository.hasBlob(blob.descriptor)).toBe(true);
  cutDown(MIB);
  proxy.inject({ method: 'GET', skip: 1, fault: { kind: 'answer', status: 404 } });
  await expect(read()).rejects.toMatchObject({ code: 'OCI_BLOB_MISSING' });
});

test.each([
  ['shorter', size + 1],
  ['longer', size - 1],
])('a blob that is %s than its descriptor says is refused before it is read', async (_, claimed) => {
  const descriptor = { ...blob.descriptor, size: claimed };
  await expect(read({}, { ...blob, descriptor })).rejects.toMatchObject({ code: 'OCI_SIZE_MISMATCH' });
  await expect(read({ offset: 9 }, { ...blob, descriptor })).rejects.toMatchObject({
    code: 'OCI_SIZE_MISMATCH',
  });
});

test('an answer without a length that goes on for too long is refused while it is read', async () => {
  const response = { 'content-length': null, 'transfer-encoding': 'chunked' };
  proxy.inject({ method: 'GET', fault: { kind: 'rewrite', response } });
  expectPart(await read());
  const descriptor = { ...blob.descriptor, size: size - 1 };
  const body = await repository.readBlob(descriptor);
  await expect(collect(body.stream)).rejects.toMatchObject({ code: 'OCI_SIZE_MISMATCH' });
});

test.each(['bytes 0-8/*', 'bytes 10-9/*', `bytes 9-${size}/*`, 'bytes nine', ''])(
  'a part that is not the one asked for is refused: Content-Range "%s"',
  async (range) => {
    const response = { 'content-range': range };
    proxy.inject({ method: 'GET', fault: { kind: 'rewrite', response } });
    await expect(read({ offset: 9 })).rejects.toMatchObject({ code: 'REGISTRY_ANSWER_INVALID' });
  },
);

test('a part that ends early is followed by the next', async () => {
  const request = { range: 'bytes=9-999' };
  proxy.inject({ method: 'GET', times: 1, fault: { kind: 'rewrite', request } });
  expectPart(await read({ offset: 9 }), 9);
  expect(ranges()).toEqual([`bytes=9-${size - 1}`, `bytes=1000-${size - 1}`]);
});

test('whoever stops reading ends the connection, and whoever interrupts gets INTERRUPTED', async () => {
  const { stream } = await repository.readBlob(blob.descriptor);
  for await (const _ of stream) break;
  const stop = new AbortController();
  const body = await repository.readBlob(blob.descriptor, { signal: stop.signal });
  const reading = (async () => {
    for await (const _ of body.stream) stop.abort();
  })();
  await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('names and digests that lead elsewhere never reach a URL', async () => {
  for (const path of ['../x', 'a/../b', 'a//b', 'A', 'a:b', 'a@sha256:1', 'a?b', '', 'a/%2e%2e/b'])
    expect(() => openRegistryRepository(hastyClient(proxy.host), path)).toThrow(
      expect.objectContaining({ code: 'STORE_NAME_INVALID' }),
    );
  const digest = 'sha256:../../x';
  await expect(read({}, { ...blob, descriptor: { ...blob.descriptor, digest } })).rejects.toMatchObject({
    code: 'OCI_DIGEST_UNSUPPORTED',
  });
  expect(proxy.requests).toEqual([]);
});

test('wherever the connection breaks, the same bytes arrive', async () => {
  const scenario = fc.record({
    offset: fc.integer({ min: 0, max: size - 1 }),
    cuts: fc.array(fc.integer({ min: MIB / 4, max: 2 * MIB }), { maxLength: 6 }),
    knowsRanges: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ offset, cuts, knowsRanges }) => {
      registry.knowsRanges = knowsRanges;
      proxy.heal();
      cuts.slice(0, knowsRanges ? 6 : 3).forEach((afterBytes, index) => cutDown(afterBytes, 1, index));
      const body = await repository.readBlob(blob.descriptor, { offset });
      expectPart(await collect(body.stream), body.offset);
      expect(body.offset).toBe(knowsRanges ? offset : 0);
    }),
    { numRuns: 25 },
  );
});
