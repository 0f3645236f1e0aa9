/**
 * Turns the bytes of a blob back into content as they arrive. Everything is held against what was announced; not a frame
 * more is taken in than was.
 */
import { createHash } from 'node:crypto';
import { HyperfileError } from '../base/error.ts';
import { digestFromHex, digestOf } from '../oci/digest.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import {
  decompressFrame,
  frameContentBytes,
  frameCount,
  MAX_COMPRESSED_BYTES,
  releaseFrame,
} from './frames.ts';
import { FrameSplitter } from './split-frames.ts';
import { encodeTables, type FrameEntry } from './tables.ts';

/** Of digests, and to seek. */
const TABLE_COUNT = 2;

/** Takes in a blob piece by piece. What it gives may be believed once {@link end} has not thrown. */
export class BlobUnpacker {
  readonly #blob: LayerBlob;
  readonly #take: (content: Buffer) => void;
  readonly #frameCount: number;
  readonly #splitter: FrameSplitter;
  readonly #frames: FrameEntry[] = [];
  readonly #tables: Buffer[] = [];
  readonly #contentSum = createHash('sha256');

  /** @param take gets the content in order, a frame at a time; its memory is only lent */
  constructor(blob: LayerBlob, take: (content: Buffer) => void) {
    this.#blob = blob;
    this.#take = take;
    this.#frameCount = frameCount(blob.contentBytes);
    const limits = { contentBytes: MAX_COMPRESSED_BYTES, skippableBytes: blob.tablesBytes };
    this.#splitter = new FrameSplitter(blob.digest, limits);
  }

  /** @throws HyperfileError BLOB_FRAME_DAMAGED, BLOB_FRAME_SIZE, BLOB_TABLES_DAMAGED, and what `take` throws */
  push(piece: Uint8Array): void {
    for (const { kind, bytes } of this.#splitter.push(piece)) {
      if (kind === 'content') this.#addFrame(bytes);
      else this.#addTable(bytes);
    }
  }

  /**
   * Everything is there, and the tables are exactly those of the frames before them.
   *
   * @throws HyperfileError BLOB_CUT_SHORT, BLOB_CONTENT_DIGEST, BLOB_TABLES_DAMAGED
   */
  end(): void {
    this.#splitter.end();
    const { digest: blob, contentDigest, tablesDigest } = this.#blob;
    if (this.#tables.length < TABLE_COUNT) {
      const problem = `after ${this.#frames.length} of ${this.#frameCount} frames, without its tables`;
      throw new HyperfileError('BLOB_CUT_SHORT', { data: { blob, problem } });
    }
    if (digestFromHex(this.#contentSum.digest('hex')) !== contentDigest)
      throw new HyperfileError('BLOB_CONTENT_DIGEST', { data: { blob } });
    const tables = encodeTables(this.#frames);
    if (!tables.equals(Buffer.concat(this.#tables))) throw this.#tablesDamaged('they are of other frames');
    if (digestOf(tables) !== tablesDigest) throw this.#tablesDamaged('their digest differs');
  }

  #addFrame(bytes: Buffer<ArrayBuffer>): void {
    const index = this.#frames.length;
    const place = { blob: this.#blob.digest, frame: index };
    if (index === this.#frameCount) {
      const data = { ...place, problem: 'it is one more than was announced' };
      throw new HyperfileError('BLOB_FRAME_SIZE', { data });
    }
    const contentBytes = frameContentBytes(this.#blob.contentBytes, index);
    const content = decompressFrame(bytes, contentBytes, place);
    const digest = createHash('sha256').update(bytes).digest();
    this.#frames.push({ compressedBytes: bytes.length, contentBytes, digest });
    this.#contentSum.update(content);
    this.#take(content);
    releaseFrame(content);
  }

  #addTable(bytes: Buffer): void {
    if (this.#frames.length < this.#frameCount || this.#tables.length === TABLE_COUNT)
      throw this.#tablesDamaged('there is a table where none should be');
    this.#tables.push(Buffer.from(bytes));
  }

  #tablesDamaged(problem: string): HyperfileError {
    return new HyperfileError('BLOB_TABLES_DAMAGED', { data: { blob: this.#blob.digest, problem } });
  }
}
