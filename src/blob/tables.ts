/**
 * What follows a blob's frames: a skippable frame with the SHA-256 of every compressed frame, then the seek table of the
 * seekable zstd format (contrib/seekable_format in zstd's sources), which must be the last thing in a file. Its entries
 * are compressed and decompressed size; its footer is frame count, descriptor 0 (no checksums), magic.
 */
import { HyperfileError } from '../base/error.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import { digestOf } from '../oci/digest.ts';
import { frameContentBytes, frameCount, MAX_COMPRESSED_BYTES } from './frames.ts';

const DIGESTS_MAGIC = 0x184d2a50;
const SEEK_TABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const HEADER_BYTES = 8;
const DIGEST_BYTES = 32;
const ENTRY_BYTES = 8;
const FOOTER_BYTES = 9;

export interface FrameEntry {
  readonly compressedBytes: number;
  readonly contentBytes: number;
  /** SHA-256 of the compressed frame. */
  readonly digest: Uint8Array;
}

/** A frame, and where it begins in its blob. */
export interface PlacedFrame extends FrameEntry {
  readonly blobOffset: number;
}

/** Length of both tables of a blob of so many frames. */
export function tablesLength(frames: number): number {
  return digestsLength(frames) + HEADER_BYTES + frames * ENTRY_BYTES + FOOTER_BYTES;
}

function digestsLength(frames: number): number {
  return HEADER_BYTES + frames * DIGEST_BYTES;
}

/** The bytes of both tables. */
export function encodeTables(frames: readonly FrameEntry[]): Buffer {
  const tables = Buffer.alloc(tablesLength(frames.length));
  const seekTableAt = digestsLength(frames.length);
  tables.writeUInt32LE(DIGESTS_MAGIC, 0);
  tables.writeUInt32LE(frames.length * DIGEST_BYTES, 4);
  tables.writeUInt32LE(SEEK_TABLE_MAGIC, seekTableAt);
  tables.writeUInt32LE(frames.length * ENTRY_BYTES + FOOTER_BYTES, seekTableAt + 4);
  for (const [index, { compressedBytes, contentBytes, digest }] of frames.entries()) {
    const entryAt = seekTableAt + HEADER_BYTES + index * ENTRY_BYTES;
    tables.set(digest, HEADER_BYTES + index * DIGEST_BYTES);
    tables.writeUInt32LE(compressedBytes, entryAt);
    tables.writeUInt32LE(contentBytes, entryAt + 4);
  }
  const footerAt = tables.length - FOOTER_BYTES;
  tables.writeUInt32LE(frames.length, footerAt);
  tables.writeUInt8(0, footerAt + 4);
  tables.writeUInt32LE(FOOTER_MAGIC, footerAt + 5);
  return tables;
}

/**
 * Reads the tables from the last `tablesBytes` of a blob. Everything about them is checked: the digest, every number.
 *
 * @throws HyperfileError BLOB_TABLES_DAMAGED
 */
export function readTables(tail: Uint8Array, blob: LayerBlob): PlacedFrame[] {
  const damaged = (problem: string): HyperfileError =>
    new HyperfileError('BLOB_TABLES_DAMAGED', { data: { blob: blob.digest, problem } });
  const count = frameCount(blob.contentBytes);
  if (tail.length !== blob.tablesBytes || tail.length !== tablesLength(count))
    throw damaged(`${tail.length} bytes instead of ${tablesLength(count)}`);
  if (digestOf(tail) !== blob.tablesDigest) throw damaged('their digest differs');
  const frames = decodeFrames(Buffer.from(tail.buffer, tail.byteOffset, tail.length), count);
  // Whatever else the tables hold is a function of these.
  if (!encodeTables(frames).equals(tail)) throw damaged('they are not of the form that they should have');
  for (const [index, { contentBytes, compressedBytes }] of frames.entries()) {
    if (contentBytes !== frameContentBytes(blob.contentBytes, index))
      throw damaged(`frame ${index} should hold ${contentBytes} bytes`);
    if (compressedBytes === 0 || compressedBytes > MAX_COMPRESSED_BYTES)
      throw damaged(`frame ${index} should be ${compressedBytes} bytes long`);
  }
  const last = frames.at(-1);
  const end = last === undefined ? 0 : last.blobOffset + last.compressedBytes;
  if (end + tail.length !== blob.sizeBytes) throw damaged('the frames are not as long as the blob');
  return frames;
}

function decodeFrames(tables: Buffer, count: number): PlacedFrame[] {
  const entriesAt = digestsLength(count) + HEADER_BYTES;
  let blobOffset = 0;
  return Array.from({ length: count }, (_, index) => {
    const digestAt = HEADER_BYTES + index * DIGEST_BYTES;
    const compressedBytes = tables.readUInt32LE(entriesAt + index * ENTRY_BYTES);
    const frame = {
      blobOffset,
      compressedBytes,
      contentBytes: tables.readUInt32LE(entriesAt + index * ENTRY_BYTES + 4),
      digest: tables.subarray(digestAt, digestAt + DIGEST_BYTES),
    };
    blobOffset += compressedBytes;
    return frame;
  });
}
