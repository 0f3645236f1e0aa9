/** Archives by their content: tar, plain or compressed with gzip, bzip2, xz or zstd. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { BLOCK_BYTES, decodeTarHeader } from '../bytes/tar-header.ts';
import { decompress as decompressWith, PIECE_BYTES, type Compression } from './decompress.ts';

export type ArchiveKind = 'tar' | Compression;

const MAGICS: readonly [Compression, string][] = [
  ['gzip', '1f8b08'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
];

/** Knows an archive by its first 512 bytes (fewer when it is shorter). */
export function detectArchive(head: Uint8Array): ArchiveKind | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const compression = MAGICS.find(([, magic]) => bytes.toString('hex', 0, magic.length / 2) === magic)?.[0];
  if (compression) return compression;
  if (bytes.length < BLOCK_BYTES) return undefined;
  const isEmptyTar = bytes.subarray(0, BLOCK_BYTES).every((byte) => byte === 0);
  return !isEmptyTar && decodeTarHeader(bytes.subarray(0, BLOCK_BYTES)) ? 'tar' : undefined;
}

/** A stream of tar, decompressed when it is compressed; see {@link decompressWith} for its errors. */
export function decompress(input: Readable, kind: ArchiveKind, archive: string): Readable {
  return kind === 'tar' ? input : decompressWith(input, kind, archive);
}

/**
 * Opens an archive file as a stream of tar.
 *
 * @throws HyperfileError FS_ARCHIVE_UNKNOWN
 */
export async function openArchive(source: string | Uint8Array, name?: string): Promise<Readable> {
  const archive = name ?? (typeof source === 'string' ? source : 'archive');
  const kind = detectArchive(typeof source === 'string' ? await readHead(source) : source);
  if (!kind) throw new HyperfileError('FS_ARCHIVE_UNKNOWN', { data: { archive } });
  const input =
    typeof source === 'string'
      ? createReadStream(source, { highWaterMark: PIECE_BYTES })
      : Readable.from([source]);
  return decompress(input, kind, archive);
}

/** ADD unpacks a local file only when tar lies in it, however compressed; undefined: it does not. */
export async function openLocalArchive(hostPath: string, archive: string): Promise<Readable | undefined> {
  const kind = detectArchive(await readHead(hostPath));
  if (!kind) return undefined;
  if (kind !== 'tar' && !(await holdsTar(hostPath, kind, archive))) return undefined;
  return openArchive(hostPath, archive);
}

async function holdsTar(hostPath: string, kind: Compression, archive: string): Promise<boolean> {
  let head = Buffer.alloc(0);
  try {
    for await (const piece of decompress(createReadStream(hostPath), kind, archive)) {
      head = Buffer.concat([head, piece as Buffer]);
      if (head.length >= BLOCK_BYTES) break;
    }
  } catch (error) {
    if (isHyperfileError(error, 'TOOL_MISSING')) throw error;
    if (head.length < BLOCK_BYTES) return false;
  }
  return detectArchive(head) === 'tar';
}

async function readHead(hostPath: string): Promise<Buffer> {
  const file = await open(hostPath);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
