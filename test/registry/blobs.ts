/** Blobs for the tests of a repository: bytes that look like nothing, and are the same every time. */
import { createCipheriv, createHash } from 'node:crypto';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { BlobSource } from '../../src/oci/repository.ts';
import type { RegistryClient } from '../../src/registry/client.ts';
import { createRegistryClient } from '../../src/registry/http-client.ts';
import type { Patience } from '../../src/registry/patience.ts';

/** Patience for tests: no pauses worth the name, and no connection is given up because the machine is busy. */
export const HASTY: Patience = {
  attempts: 4,
  firstPauseMs: 1,
  longestPauseMs: 4,
  stallMs: 30_000,
  answerMs: 30_000,
};

/** For connections that stall on purpose; others may seem to, so it is tried often. */
export const RESTLESS: Patience = { ...HASTY, attempts: 40, stallMs: 300 };

export interface TestBlob {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
}

export function makeBlob(sizeBytes: number, seed = ''): TestBlob {
  const key = createHash('md5').update(`${seed} ${sizeBytes}`).digest();
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
  return blobOf(bytes);
}

export function blobOf(bytes: Buffer): TestBlob {
  return {
    bytes,
    descriptor: { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length },
    source: { read: (offset) => pieces(bytes, offset) },
  };
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** A client that is quick to give up and to try again, and finds nobody's credentials. */
export function hastyClient(host: string): RegistryClient {
  const retries = { attempts: 3, firstPauseMs: 1, longestPauseMs: 4, totalMs: 60_000 };
  return createRegistryClient(host, { env: { DOCKER_CONFIG: '/nonexistent' }, retries });
}

export async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

// eslint-disable-next-line @typescript-eslint/require-await -- an async iterable, as files give
async function* pieces(bytes: Buffer, from: number): AsyncGenerator<Uint8Array> {
  for (let offset = from; offset < bytes.length; offset += 1 << 16)
    yield bytes.subarray(offset, offset + (1 << 16));
}
