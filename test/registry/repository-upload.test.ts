import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { PushBlobOptions, Repository } from '../../src/oci/repository.ts';
import { openRegistryRepository } from '../../src/registry/repository.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { HASTY, hastyClient, makeBlob, RESTLESS, type TestBlob } from './blobs.ts';
import { startSpecRegistry, type SpecRegistry } from './spec-registry.ts';

const MIB = 1 << 20;
const MAX_CUTS = 5;
const blob = makeBlob(9 * MIB + 5);

let registry: SpecRegistry;
let proxy: FaultProxy;
let repository: Repository;

beforeAll(async () => {
  registry = await startSpecRegistry();
  proxy = await startFaultProxy({ target: registry.url });
});

beforeEach(() => {
  repository = openRegistryRepository(hastyClient(proxy.host), 'team/web', HASTY);
});

afterEach(async () => {
  await repository.close();
  proxy.heal();
  proxy.forget();
  registry.blobs.clear();
  registry.receivedBytes = 0;
  Object.assign(registry, { maxBodyBytes: Infinity, chunkMinBytes: 0, takesPatch: true });
});

afterAll(async () => {
  await proxy.stop();
  await registry.stop();
});

async function push({ descriptor, source }: TestBlob = blob, options?: PushBlobOptions): Promise<void> {
  expect(await repository.pushBlob(descriptor, source, options)).toBe('uploaded');
}

function expectStored({ descriptor, bytes }: TestBlob = blob): void {
  expect(registry.blobs.get(descriptor.digest)?.equals(bytes)).toBe(true);
}

function methods(): string[] {
  return proxy.requests.map(({ method }) => method);
}

test('a small blob takes two requests, a large one three, and none is sent twice', async () => {
  const small = makeBlob(1000);
  await push(small);
  expectStored(small);
  expect(methods()).toEqual(['POST', 'PUT']);
  proxy.forget();
  const sent: number[] = [];
  await push(blob, { onSent: (bytes) => sent.push(bytes) });
  expectStored();
  expect(methods()).toEqual(['POST', 'PATCH', 'PUT']);
  expect(registry.receivedBytes).toBe(1000 + blob.bytes.length);
  expect(sent.at(0)).toBe(0);
  expect(sent.at(-1)).toBe(blob.bytes.length);
});

test('an empty blob can be pushed', async () => {
  const empty = makeBlob(0);
  await push(empty);
  expectStored(empty);
});

test('after a broken connection only what the registry lacks is sent', async () => {
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'cut', direction: 'up', afterBytes: 6 * MIB } });
  await push();
  expectStored();
  expect(methods()).toEqual(['POST', 'PATCH', 'GET', 'PATCH', 'PUT']);
  expect(proxy.seen('PATCH')[1]?.headers['content-range']).toMatch(new RegExp(`-${blob.bytes.length - 1}$`));
  expect(registry.receivedBytes).toBe(blob.bytes.length);
});

test('a connection over which nothing moves is a broken one', async () => {
  repository = openRegistryRepository(hastyClient(proxy.host), 'team/web', RESTLESS);
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'stall', direction: 'up', afterBytes: MIB } });
  await push();
  expectStored();
  expect(registry.receivedBytes).toBe(blob.bytes.length);
});

test('an upload whose session was forgotten starts again', async () => {
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'cut', direction: 'up', afterBytes: 5 * MIB } });
  const state = proxy.inject({ method: 'GET', times: 1, fault: { kind: 'answer', status: 404 } });
  await push();
  expectStored();
  expect(state.hits).toBe(1);
  expect(proxy.seen('POST')).toHaveLength(2);
});

test('a session can be forgotten before the end, too', async () => {
  const body = JSON.stringify({ errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] });
  proxy.inject({ method: 'PUT', times: 1, fault: { kind: 'answer', status: 404, body } });
  await push();
  expectStored();
  expect(methods()).toEqual(['POST', 'PATCH', 'PUT', 'HEAD', 'POST', 'PATCH', 'PUT']);
});

test('an upload that was finished although nobody heard of it is found by a HEAD request', async () => {
  proxy.inject({ method: 'PUT', times: 1, fault: { kind: 'lose-answer' } });
  await push();
  expectStored();
  expect(methods()).toEqual(['POST', 'PATCH', 'PUT', 'PUT', 'HEAD']);
});

test('a registry that is too busy is asked again, after the time it names', async () => {
  const headers = { 'retry-after': '0' };
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'answer', status: 429, headers } });
  proxy.inject({ method: 'PUT', times: 2, fault: { kind: 'answer', status: 503 } });
  await push();
  expectStored();
});

test('bodies that are too large are sent in chunks, also those of the next blob', async () => {
  registry.maxBodyBytes = 4 * MIB - 1;
  await push();
  expectStored();
  const sizes = proxy.seen('PATCH').map(({ headers }) => Number(headers['content-length']));
  expect(sizes.slice(-4)).toEqual([3 * MIB, 3 * MIB, 3 * MIB, 5]);
  proxy.forget();
  const next = makeBlob(4 * MIB);
  await push(next);
  expectStored(next);
  expect(proxy.requests.filter(({ status }) => status === 413)).toEqual([]);
});

test('an answer that comes before the body was read is heeded', async () => {
  for (const [skip, status] of [413, 429, 401].entries())
    proxy.inject({ method: 'PATCH', skip, times: 1, fault: { kind: 'answer', status, early: true } });
  await push();
  expectStored();
});

test('a registry that takes blobs in one piece only, and not this large, ends it', async () => {
  Object.assign(registry, { takesPatch: false, maxBodyBytes: MIB });
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'answer', status: 405 } });
  await expect(push()).rejects.toMatchObject({ code: 'REGISTRY_BLOB_REFUSED' });
});

test('a body that is cut off without a word is sent in chunks in the end', async () => {
  proxy.inject({ method: 'PATCH', times: 3, fault: { kind: 'drop' } });
  await push();
  expectStored();
  expect(proxy.seen('PATCH').length).toBe(3 + 2);
});

test('chunks are never smaller than the registry wants them', async () => {
  Object.assign(registry, { chunkMinBytes: 5 * MIB, maxBodyBytes: 6 * MIB });
  await push();
  expectStored();
  const taken = proxy.seen('PATCH').filter(({ status }) => status === 202);
  expect(taken.map(({ headers }) => headers['content-range'])).toEqual([
    `0-${5 * MIB - 1}`,
    `${5 * MIB}-${blob.bytes.length - 1}`,
  ]);
});

test('a registry that takes no chunks gets the blob in one piece', async () => {
  registry.takesPatch = false;
  await push();
  expectStored();
  expect(methods()).toEqual(['POST', 'PATCH', 'DELETE', 'POST', 'PUT']);
});

test('a chunk at the wrong place is put right', async () => {
  registry.maxBodyBytes = 4 * MIB;
  proxy.inject({ method: 'PATCH', skip: 3, times: 1, fault: { kind: 'lose-answer' } });
  proxy.inject({ method: 'GET', skip: 3, times: 1, fault: { kind: 'rewrite', response: { range: '0-0' } } });
  await push();
  expectStored();
});

test('bytes that were spoiled on the way are sent once more; then the registry is right', async () => {
  proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'corrupt', direction: 'up', atByte: 77 } });
  await push();
  expectStored();
  registry.blobs.clear();
  const other = { ...blob, source: makeBlob(blob.bytes.length, 'other').source };
  await expect(push(other)).rejects.toMatchObject({ code: 'REGISTRY_BLOB_REFUSED' });
});

test('it ends when nothing helps, and says why', async () => {
  proxy.inject({ method: 'PATCH', fault: { kind: 'answer', status: 500 } });
  await expect(push()).rejects.toMatchObject({ code: 'REGISTRY_TRANSFER_BROKEN', data: { attempts: 4 } });
  proxy.heal();
  registry.maxBodyBytes = 1000;
  await expect(push()).rejects.toMatchObject({ code: 'REGISTRY_BLOB_REFUSED' });
});

test('a source that breaks or is too short is not blamed on the registry', async () => {
  const broken = new Error('the disk is gone');
  const read = (): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(broken) }),
  });
  await expect(repository.pushBlob(blob.descriptor, { read })).rejects.toBe(broken);
  const short = makeBlob(blob.bytes.length - 1).source;
  await expect(repository.pushBlob(blob.descriptor, short)).rejects.toMatchObject({
    code: 'OCI_SIZE_MISMATCH',
  });
});

test('an interrupted push ends at once', async () => {
  const stop = new AbortController();
  proxy.inject({ method: 'PATCH', fault: { kind: 'stall', direction: 'up', afterBytes: 0 } });
  const pushing = push(blob, { signal: stop.signal, onSent: () => stop.abort() });
  await expect(pushing).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('wherever the connection breaks, the blob arrives whole and little is sent twice', async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 9 * MIB }), { maxLength: MAX_CUTS });
  await repository.close();
  // A cut after a byte or two is no progress, and the question that it leaves open costs an attempt more.
  const patience = { ...HASTY, attempts: 2 * MAX_CUTS + 1 };
  repository = openRegistryRepository(hastyClient(proxy.host), 'team/web', patience);
  await fc.assert(
    fc.asyncProperty(cuts, async (cutsAt) => {
      registry.blobs.clear();
      registry.receivedBytes = 0;
      proxy.heal();
      for (const [skip, afterBytes] of cutsAt.entries())
        proxy.inject({
          method: 'PATCH',
          skip,
          times: 1,
          fault: { kind: 'cut', direction: 'up', afterBytes },
        });
      await push();
      expectStored();
      expect(registry.receivedBytes).toBe(blob.bytes.length);
    }),
    // After one byte, registries say `0-0`, as after none.
    { numRuns: 8, examples: [[[1]], [[1, 1]], [[1, 1, 1]], [Array<number>(MAX_CUTS).fill(1)]] },
  );
});
