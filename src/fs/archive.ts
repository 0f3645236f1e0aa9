/** Archives by their content: tar, plain or compressed with gzip, bzip2, xz or zstd. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import { streamTool } from '../base/stream-tool.ts';
import { BLOCK_BYTES, decodeTarHeader } from './tar-header.ts';

export type ArchiveKind = 'tar' | Compression;
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd';

const MAGICS: readonly [Compression, string][] = [
  ['gzip', '1f8b08'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
];
/** Large pieces: a promise for each costs more than what is done with a small one. */
const PIECE_BYTES = 512 * 1024;

/** Knows an archive by its first 512 bytes (fewer when it is shorter). */
export function detectArchive(head: Uint8Array): ArchiveKind | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const compression = MAGICS.find(([, magic]) => bytes.toString('hex', 0, magic.length / 2) === magic)?.[0];
  if (compression) return compression;
  if (bytes.length < BLOCK_BYTES) return undefined;
  const isEmptyTar = bytes.subarray(0, BLOCK_BYTES).every((byte) => byte === 0);
  return !isEmptyTar && decodeTarHeader(bytes.subarray(0, BLOCK_BYTES)) ? 'tar' : undefined;
}

/**
 * Decompresses a stream. Errors arrive on the stream that is returned: FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT,
 * TOOL_MISSING (bzip2 and xz are programs of the host).
 */
export function decompress(input: Readable, kind: ArchiveKind, archive: string): Readable {
  if (kind === 'tar') return input;
  if (kind === 'bzip2' || kind === 'xz') return throughTool(input, kind, archive);
  const stage =
    kind === 'gzip'
      ? createGunzip({ chunkSize: PIECE_BYTES })
      : createZstdDecompress({ chunkSize: PIECE_BYTES });
  pipeline(input, stage, () => undefined);
  return Readable.from(translated(stage, archive), { objectMode: false, highWaterMark: PIECE_BYTES });
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

async function* translated(stream: Readable, archive: string): AsyncGenerator<Buffer> {
  try {
    for await (const piece of stream) yield piece as Buffer;
  } catch (error) {
    throw asArchiveError(error, archive);
  }
}

function asArchiveError(error: unknown, archive: string): unknown {
  const code = systemCode(error) ?? '';
  if (code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong') {
    const data = { archive, detail: 'its compressed data ends too soon' };
    return new HyperfileError('FS_ARCHIVE_CUT_SHORT', { data, cause: error });
  }
  if (!/^(Z_|ZSTD_|ERR_ZSTD)/.test(code)) return error;
  return new HyperfileError('FS_ARCHIVE_CORRUPT', {
    data: { archive, detail: (error as Error).message },
    cause: error,
  });
}

function throughTool(input: Readable, tool: 'bzip2' | 'xz', archive: string): Readable {
  async function* output(): AsyncGenerator<Buffer> {
    const running = streamTool(tool, ['-dc'], { input });
    try {
      for await (const piece of running.stdout) yield piece as Buffer;
      await running.finished;
    } catch (error) {
      throw isHyperfileError(error, 'TOOL_FAILED') ? asToolError(error, archive) : error;
    } finally {
      running.stop();
      input.destroy();
    }
  }
  return Readable.from(output(), { objectMode: false, highWaterMark: PIECE_BYTES });
}

function asToolError(error: HyperfileError, archive: string): HyperfileError {
  const detail = String(error.data['output'] ?? '').split('\n', 1)[0] ?? '';
  const code = /unexpected end|ends unexpectedly/i.test(detail)
    ? 'FS_ARCHIVE_CUT_SHORT'
    : 'FS_ARCHIVE_CORRUPT';
  return new HyperfileError(code, { data: { archive, detail }, cause: error });
}
