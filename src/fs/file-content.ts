/** Bytes of regular files: small ones in one read and one write, large ones in pieces, holes kept. */
import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { FileStat } from './file-stat.ts';
import type { Pace } from './pace.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Where a hole is kept; the block size of nearly every file system. */
const BLOCK_BYTES = 4096;
/** Small files' worth of work that one chunk is; see {@link Pace.due}. */
const CHUNK_WEIGHT = 16;

/** Windows knows none of them; there {@link openNew} follows no link either, and no file is a pipe. */
const { O_NOFOLLOW, O_NONBLOCK }: { readonly O_NOFOLLOW?: number; readonly O_NONBLOCK?: number } = constants;
const NOFOLLOW = O_NOFOLLOW ?? 0;
const NONBLOCK = O_NONBLOCK ?? 0;

/** Shared: filled and emptied again before anything else can run. */
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
const zeros = Buffer.alloc(CHUNK_BYTES);

/** Opens for reading; never waits for a pipe, never follows a link in the last place. */
export function openToRead(hostPath: string): number {
  return openSync(hostPath, constants.O_RDONLY | NOFOLLOW | NONBLOCK);
}

/** Opens a file that must not exist yet. */
export function openNew(hostPath: string): number {
  return openSync(hostPath, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NOFOLLOW, 0o600);
}

/** Where on this host the bytes of a file are: a file, or a part of one. */
export interface FileBytes {
  readonly hostPath: string;
  /** Default: all of it. */
  readonly part?: { readonly offset: number; readonly sizeBytes: number };
}

/** Hands every piece of a file to `take`, which must be done with it when it returns. */
export async function readPieces(
  { hostPath, part }: FileBytes,
  pace: Pace,
  take: (piece: Buffer) => void,
): Promise<void> {
  const file = openToRead(hostPath);
  let [position, left] = part ? [part.offset, part.sizeBytes] : [null, Infinity];
  try {
    for (;;) {
      const length = readSync(file, chunk, 0, Math.min(left, CHUNK_BYTES), position);
      if (length === 0) return;
      left -= length;
      if (position !== null) position += length;
      take(length === CHUNK_BYTES ? chunk : chunk.subarray(0, length));
      // What fits one chunk is a small file: whoever walks them rests between them.
      if (length === CHUNK_BYTES && pace.due(CHUNK_WEIGHT)) await pace.rest();
    }
  } finally {
    closeSync(file);
  }
}

/** Copies the bytes of a file into an open, empty one. */
export async function copyContent(
  bytes: FileBytes,
  stat: Pick<FileStat, 'blocks' | 'size'>,
  target: number,
  pace: Pace,
): Promise<void> {
  if (stat.size === 0) return;
  const hasHoles = stat.blocks * 512 < stat.size;
  let position = 0;
  await readPieces(bytes, pace, (piece) => {
    if (hasHoles) writeWithoutZeros(target, piece, position);
    else writeAll(target, piece, position);
    position += piece.length;
  });
  if (hasHoles) ftruncateSync(target, position);
}

/** Writes a whole buffer. */
export function writeAll(target: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(target, bytes, done, bytes.length - done, position + done);
  }
}

function writeWithoutZeros(target: number, piece: Buffer, position: number): void {
  let runStart = 0;
  for (let at = 0; at < piece.length; at += BLOCK_BYTES) {
    if (!isZero(piece.subarray(at, at + BLOCK_BYTES))) continue;
    writeAll(target, piece.subarray(runStart, at), position + runStart);
    runStart = at + BLOCK_BYTES;
  }
  writeAll(target, piece.subarray(runStart), position + runStart);
}

function isZero(bytes: Buffer): boolean {
  return bytes.compare(zeros, 0, bytes.length) === 0;
}
