/** Blobs, checked against their descriptors while they pass: never a byte more than announced is handed on. */
import { createHash } from 'node:crypto';
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from './descriptor.ts';
import { digestFromHex } from './digest.ts';
import type { Repository, RepositoryOptions } from './repository.ts';

/**
 * The blob's bytes as they arrive. What was handed on is only to be believed once the stream has ended without an error.
 *
 * @param name what errors call the blob
 * @throws HyperfileError OCI_SIZE_MISMATCH, OCI_DIGEST_MISMATCH, and what the stream throws
 */
export async function* verifiedBlob(
  stream: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  name: string,
): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256');
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > descriptor.size) throw sizeMismatch(name, descriptor.size, `at least ${size}`);
    sum.update(piece);
    yield piece;
  }
  if (size !== descriptor.size) throw sizeMismatch(name, descriptor.size, size);
  checkDigest(name, descriptor, sum.digest('hex'));
}

/**
 * A whole blob in memory.
 *
 * @throws HyperfileError OCI_BLOB_TOO_LARGE, and as {@link verifiedBlob} and `readBlob`
 */
export async function readSmallBlob(
  repository: Repository,
  descriptor: Descriptor,
  limitBytes: number,
  options?: RepositoryOptions,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > limitBytes)
    throw new HyperfileError('OCI_BLOB_TOO_LARGE', { data: { name: repository.name, digest, limitBytes } });
  const { stream } = await repository.readBlob(descriptor, options);
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const piece of verifiedBlob(stream, descriptor, `${repository.name}@${digest}`)) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** @throws HyperfileError OCI_DIGEST_MISMATCH */
export function checkDigest(name: string, { digest }: Descriptor, foundHex: string): void {
  const found = digestFromHex(foundHex);
  if (found !== digest)
    throw new HyperfileError('OCI_DIGEST_MISMATCH', { data: { name, expected: digest, found } });
}

export function sizeMismatch(name: string, expected: number, found: number | string): HyperfileError {
  return new HyperfileError('OCI_SIZE_MISMATCH', { data: { name, expected, found } });
}
