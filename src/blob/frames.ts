/**
 * Single frames: 1 MiB of content each (a blob's last one may hold less), compressed on its own, with zstd's checksum of
 * the content.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { HyperfileError, systemCode } from '../base/error.ts';
import { FrameScanner } from '../bytes/zstd-frames.ts';
import type { Digest } from '../oci/digest.ts';

/** Content of a frame. */
export const FRAME_BYTES = 1024 * 1024;
/** More than any encoder makes of a frame that cannot be compressed. */
export const MAX_COMPRESSED_BYTES = FRAME_BYTES + 64 * 1024;
/** What decoders are asked to support at least (RFC 8878, section 3.1.1.1.2): a frame may not claim more memory. */
const MAX_WINDOW_LOG = 23;
/** Room beyond the content: a decoder that fills its room exactly asks for more. */
const SPARE_BYTES = 64;

/** A third less work than 3, for blobs that are some 3% larger. */
export const DEFAULT_LEVEL = 2;

/** Blobs with less content are not worth another thread's start. */
export const THREAD_CONTENT_BYTES = 16 * FRAME_BYTES;

/** How many frames hold so much content. */
export function frameCount(contentBytes: number): number {
  return Math.ceil(contentBytes / FRAME_BYTES);
}

/** How much content frame `index` holds. */
export function frameContentBytes(contentBytes: number, index: number): number {
  return Math.min(FRAME_BYTES, contentBytes - index * FRAME_BYTES);
}

/** One frame of all the content. */
export function compressFrame(content: Uint8Array, level: number): Buffer {
  return zstdCompressSync(content, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: content.length,
    // All of it in one piece of memory, which can be given back.
    chunkSize: MAX_COMPRESSED_BYTES,
  });
}

/** Which frame errors speak of. */
export interface FramePlace {
  readonly blob: Digest;
  readonly frame: number;
}

/**
 * The content of one frame, of which `bytes` must be the whole; never more memory than it should need.
 *
 * @throws HyperfileError BLOB_FRAME_DAMAGED, BLOB_FRAME_SIZE
 */
export function decompressFrame(bytes: Uint8Array, contentBytes: number, place: FramePlace): Buffer {
  requireOneFrame(bytes, place);
  const content = decompress(bytes, contentBytes, place);
  if (content.length === contentBytes) return content;
  throw wrongSize(place, `${content.length} bytes instead of ${contentBytes}`);
}

function decompress(bytes: Uint8Array, contentBytes: number, place: FramePlace): Buffer {
  try {
    return zstdDecompressSync(bytes, {
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
      maxOutputLength: contentBytes,
      chunkSize: contentBytes + SPARE_BYTES,
    });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE')
      throw wrongSize(place, `more than ${contentBytes} bytes`);
    throw damaged(place, error instanceof Error ? error.message : String(error), error);
  }
}

/** Node's decoder ignores what follows a frame. */
function requireOneFrame(bytes: Uint8Array, place: FramePlace): void {
  const scanner = new FrameScanner(() => damaged(place, 'it is not zstd'));
  const end = scanner.scan(bytes, 0);
  if (!scanner.isComplete) throw damaged(place, 'it is cut short');
  if (scanner.kind !== 'content') throw damaged(place, 'it holds no content');
  if (end !== bytes.length) throw damaged(place, 'something follows it');
}

function damaged(place: FramePlace, problem: string, cause?: unknown): HyperfileError {
  return new HyperfileError('BLOB_FRAME_DAMAGED', { data: { ...place, problem }, cause });
}

function wrongSize(place: FramePlace, problem: string): HyperfileError {
  return new HyperfileError('BLOB_FRAME_SIZE', { data: { ...place, problem } });
}

/**
 * Gives the memory of a frame or of its content back at once; nobody may look at it again. Waiting for the garbage
 * collector would let some hundred megabytes pile up. Small ones share theirs with others, and are left alone.
 */
export function releaseFrame(bytes: Buffer): void {
  if (bytes.buffer.byteLength > Buffer.poolSize && bytes.buffer instanceof ArrayBuffer)
    bytes.buffer.transfer(0);
}
