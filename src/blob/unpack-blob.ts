/**
 * Turns the bytes of a blob back into content as they arrive: frames are decompressed side by side and handed on in
 * order. Everything is held against what was announced; not a frame more is taken in than was.
 */
import { createHash, subtle } from 'node:crypto';
import { HyperfileError } from '../base/error.ts';
import { digestFromHex, digestOf } from '../oci/digest.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import { FrameLine } from './frame-line.ts';
import {
  decompressFrame,
  frameContentBytes,
  frameCount,
  MAX_COMPRESSED_BYTES,
  releaseFrame,
} from './frames.ts';
import { splitFrames } from './split-frames.ts';
import { encodeTables, type FrameEntry } from './tables.ts';

/**
 * Hands the content of a blob to `take`, a frame at a time; its memory is only lent. What was handed on may be believed
 * once this has ended without an error.
 *
 * @throws HyperfileError BLOB_CUT_SHORT, BLOB_FRAME_DAMAGED, BLOB_FRAME_SIZE, BLOB_CONTENT_DIGEST, BLOB_TABLES_DAMAGED,
 *   INTERRUPTED, and what the stream or `take` throws
 */
export async function unpackBlob(
  blob: LayerBlob,
  stream: AsyncIterable<Uint8Array>,
  take: (content: Buffer) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const count = frameCount(blob.contentBytes);
  const frames: FrameEntry[] = [];
  const tables: Buffer[] = [];
  const sum = createHash('sha256');
  const line = new FrameLine(signal);
  const finish = async (content: Buffer, entry: FrameEntry): Promise<void> => {
    sum.update(content);
    frames.push(entry);
    await take(content);
    releaseFrame(content);
  };
  let started = 0;
  try {
    const limits = { contentBytes: MAX_COMPRESSED_BYTES, skippableBytes: blob.tablesBytes };
    for await (const { kind, bytes } of splitFrames(stream, blob.digest, limits)) {
      if (kind === 'skippable') {
        requireTable(blob, started === count && tables.length < 2);
        tables.push(bytes);
        continue;
      }
      if (started === count || tables.length > 0) throw tooMuch(blob, started);
      const frame = started++;
      const contentBytes = frameContentBytes(blob.contentBytes, frame);
      await line.add(
        () => unpackFrame(bytes, contentBytes, { blob: blob.digest, frame }),
        ({ content, entry }) => finish(content, entry),
      );
    }
    await line.end();
  } finally {
    await line.rest();
  }
  if (started < count || tables.length < 2) throw cutShort(blob, started, count);
  checkEnd(blob, frames, Buffer.concat(tables), sum.digest('hex'));
}

async function unpackFrame(
  bytes: Buffer<ArrayBuffer>,
  contentBytes: number,
  place: { readonly blob: string; readonly frame: number },
): Promise<{ content: Buffer; entry: FrameEntry }> {
  const [content, digest] = await Promise.all([
    decompressFrame(bytes, contentBytes, place),
    subtle.digest('SHA-256', bytes),
  ]);
  const entry = { compressedBytes: bytes.length, contentBytes, digest: new Uint8Array(digest) };
  releaseFrame(bytes);
  return { content, entry };
}

/** The tables must be exactly those of the frames that came before them. */
function checkEnd(blob: LayerBlob, frames: readonly FrameEntry[], tables: Buffer, contentHex: string): void {
  const data = { blob: blob.digest };
  if (digestFromHex(contentHex) !== blob.contentDigest)
    throw new HyperfileError('BLOB_CONTENT_DIGEST', { data });
  const problem = encodeTables(frames).equals(tables) ? 'their digest differs' : 'they are of other frames';
  if (problem === 'their digest differs' && digestOf(tables) === blob.tablesDigest) return;
  throw new HyperfileError('BLOB_TABLES_DAMAGED', { data: { ...data, problem } });
}

function requireTable({ digest }: LayerBlob, isExpected: boolean): void {
  if (isExpected) return;
  const data = { blob: digest, problem: 'there is a table where none should be' };
  throw new HyperfileError('BLOB_TABLES_DAMAGED', { data });
}

function tooMuch({ digest }: LayerBlob, frame: number): HyperfileError {
  const data = { blob: digest, frame, problem: 'it is one more than was announced' };
  return new HyperfileError('BLOB_FRAME_SIZE', { data });
}

function cutShort({ digest }: LayerBlob, started: number, count: number): HyperfileError {
  const problem = started < count ? `after ${started} of ${count} frames` : 'without its tables';
  return new HyperfileError('BLOB_CUT_SHORT', { data: { blob: digest, problem } });
}
