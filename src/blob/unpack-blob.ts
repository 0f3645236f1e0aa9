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
  type FramePlace,
} from './frames.ts';
import { splitFrames } from './split-frames.ts';
import { encodeTables, type FrameEntry } from './tables.ts';

/** Of digests, and to seek. */
const TABLE_COUNT = 2;

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
  const line = new FrameLine(signal);
  const unpacking = new Unpacking(blob, line, take);
  try {
    const limits = { contentBytes: MAX_COMPRESSED_BYTES, skippableBytes: blob.tablesBytes };
    for await (const { kind, bytes } of splitFrames(stream, blob.digest, limits)) {
      if (kind === 'content') await unpacking.addFrame(bytes);
      else unpacking.addTable(bytes);
    }
    await line.end();
  } finally {
    await line.rest();
  }
  unpacking.checkEnd();
}

class Unpacking {
  readonly #blob: LayerBlob;
  readonly #line: FrameLine;
  readonly #take: (content: Buffer) => Promise<void>;
  readonly #frameCount: number;
  readonly #frames: FrameEntry[] = [];
  readonly #tables: Buffer[] = [];
  readonly #contentSum = createHash('sha256');
  #started = 0;

  constructor(blob: LayerBlob, line: FrameLine, take: (content: Buffer) => Promise<void>) {
    this.#blob = blob;
    this.#line = line;
    this.#take = take;
    this.#frameCount = frameCount(blob.contentBytes);
  }

  async addFrame(bytes: Buffer<ArrayBuffer>): Promise<void> {
    const place = { blob: this.#blob.digest, frame: this.#started };
    if (this.#started === this.#frameCount) {
      const data = { ...place, problem: 'it is one more than was announced' };
      throw new HyperfileError('BLOB_FRAME_SIZE', { data });
    }
    const contentBytes = frameContentBytes(this.#blob.contentBytes, this.#started++);
    await this.#line.add(
      () => unpackFrame(bytes, contentBytes, place),
      async ({ content, entry }) => {
        this.#contentSum.update(content);
        this.#frames.push(entry);
        await this.#take(content);
        releaseFrame(content);
      },
    );
  }

  addTable(bytes: Buffer): void {
    if (this.#started < this.#frameCount || this.#tables.length === TABLE_COUNT)
      throw this.#tablesDamaged('there is a table where none should be');
    this.#tables.push(bytes);
  }

  /** Everything is there, and the tables are exactly those of the frames before them. */
  checkEnd(): void {
    const { digest: blob, contentDigest, tablesDigest } = this.#blob;
    if (this.#tables.length < TABLE_COUNT) {
      const problem = `after ${this.#started} of ${this.#frameCount} frames, without its tables`;
      throw new HyperfileError('BLOB_CUT_SHORT', { data: { blob, problem } });
    }
    if (digestFromHex(this.#contentSum.digest('hex')) !== contentDigest)
      throw new HyperfileError('BLOB_CONTENT_DIGEST', { data: { blob } });
    const tables = encodeTables(this.#frames);
    if (!tables.equals(Buffer.concat(this.#tables))) throw this.#tablesDamaged('they are of other frames');
    if (digestOf(tables) !== tablesDigest) throw this.#tablesDamaged('their digest differs');
  }

  #tablesDamaged(problem: string): HyperfileError {
    return new HyperfileError('BLOB_TABLES_DAMAGED', { data: { blob: this.#blob.digest, problem } });
  }
}

async function unpackFrame(
  bytes: Buffer<ArrayBuffer>,
  contentBytes: number,
  place: FramePlace,
): Promise<{ content: Buffer; entry: FrameEntry }> {
  const [content, digest] = await Promise.all([
    decompressFrame(bytes, contentBytes, place),
    subtle.digest('SHA-256', bytes),
  ]);
  const entry = { compressedBytes: bytes.length, contentBytes, digest: new Uint8Array(digest) };
  releaseFrame(bytes);
  return { content, entry };
}
