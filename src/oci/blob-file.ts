/** Reading and writing blobs in files of the host. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import type { Descriptor } from './descriptor.ts';
import { checkSignal } from './local-repository.ts';
import type { BlobSource, PushBlobOptions } from './repository.ts';
import { checkDigest, sizeMismatch } from './verified-blob.ts';

const PIECE_BYTES = 1024 * 1024;

/** The bytes from `start` to before `end`, or fewer when the file ends sooner. */
export async function* readRange(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end;) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
    const { bytesRead } = await file.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/**
 * Writes a blob to a place in a file, and checks it while it passes.
 *
 * @param name what errors call the blob
 * @throws HyperfileError OCI_SIZE_MISMATCH, OCI_DIGEST_MISMATCH, INTERRUPTED, and what the source throws
 */
export async function writeBlob(
  file: FileHandle,
  fileOffset: number,
  blob: Descriptor,
  source: BlobSource,
  name: string,
  { signal, onSent }: PushBlobOptions,
): Promise<void> {
  const sum = createHash('sha256');
  let size = 0;
  for await (const piece of source.read(0)) {
    checkSignal(signal);
    if (size + piece.length > blob.size)
      throw sizeMismatch(name, blob.size, `at least ${size + piece.length}`);
    // The disk works while the digest is made.
    const written = writeAll(file, piece, fileOffset + size);
    sum.update(piece);
    await written;
    size += piece.length;
    onSent?.(size);
  }
  if (size !== blob.size) throw sizeMismatch(name, blob.size, size);
  checkDigest(name, blob, sum.digest('hex'));
}

/** A file system that fills up may take only part of a write before it refuses the rest. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, fileOffset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, fileOffset + done);
    done += bytesWritten;
  }
}

/** What to throw when a file cannot be used: DISK_FULL, or OCI_ACCESS with the reason; errors of ours stay. */
export function fileError(file: string, error: unknown): unknown {
  const code = systemCode(error);
  if (isHyperfileError(error) || code === undefined) return error;
  const full = diskFullAt(file, error);
  if (full !== error) return full;
  const [, reason = code] = /^\w+: ([^,]+)/.exec(error instanceof Error ? error.message : '') ?? [];
  return new HyperfileError('OCI_ACCESS', { data: { path: file, reason }, cause: error });
}
