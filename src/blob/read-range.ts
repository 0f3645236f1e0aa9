/**
 * Reads single frames of a blob that lies somewhere else: its tables by range, then only the frames that are asked for.
 * Nothing is handed on before it was checked.
 */
import { HyperfileError } from '../base/error.ts';
import { sha256Hex } from '../oci/digest.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import { LAYER, LAYER_HEAD, LAYER_WINDOW } from '../oci/media-types.ts';
import type { Repository, RepositoryOptions } from '../oci/repository.ts';
import { blobProblem } from './form.ts';
import { decompressFrame, FRAME_BYTES } from './frames.ts';
import { readTables, type PlacedFrame } from './tables.ts';

const MEDIA_TYPES = { whole: LAYER, head: LAYER_HEAD, window: LAYER_WINDOW } as const;
/** The tables of a blob are held in memory: these are enough for 512 GiB of content. */
const MAX_TABLES_BYTES = 24 * 1024 * 1024;

export class BlobReader {
  readonly blob: LayerBlob;
  readonly #repository: Repository;
  readonly #frames: readonly PlacedFrame[];
  readonly #options: RepositoryOptions;

  private constructor(
    repository: Repository,
    blob: LayerBlob,
    frames: readonly PlacedFrame[],
    options: RepositoryOptions,
  ) {
    this.#repository = repository;
    this.blob = blob;
    this.#frames = frames;
    this.#options = options;
  }

  /**
   * Fetches the tables.
   *
   * @throws HyperfileError BLOB_FORM_INVALID, BLOB_TABLES_DAMAGED, BLOB_CUT_SHORT, and as `readBlob`
   */
  static async open(
    repository: Repository,
    blob: LayerBlob,
    options: RepositoryOptions = {},
  ): Promise<BlobReader> {
    const problem =
      blobProblem(blob) ??
      (blob.tablesBytes > MAX_TABLES_BYTES
        ? `${blob.digest} has tables of ${blob.tablesBytes} bytes`
        : undefined);
    if (problem !== undefined) throw new HyperfileError('BLOB_FORM_INVALID', { data: { problem } });
    const tailAt = blob.sizeBytes - blob.tablesBytes;
    const tail = await readRange(repository, blob, tailAt, blob.tablesBytes, options);
    return new BlobReader(repository, blob, readTables(tail, blob), options);
  }

  /**
   * The content of one frame.
   *
   * @throws HyperfileError BLOB_FRAME_DIGEST, BLOB_FRAME_DAMAGED, BLOB_FRAME_SIZE, BLOB_CUT_SHORT, and as `readBlob`
   */
  async frame(index: number): Promise<Buffer> {
    const frame = this.#frames[index];
    if (frame === undefined) throw new RangeError(`frame ${index} of ${this.#frames.length}`);
    const { blobOffset, compressedBytes, contentBytes, digest } = frame;
    const bytes = await readRange(this.#repository, this.blob, blobOffset, compressedBytes, this.#options);
    const place = { blob: this.blob.digest, frame: index };
    if (sha256Hex(bytes) !== Buffer.from(digest).toString('hex'))
      throw new HyperfileError('BLOB_FRAME_DIGEST', { data: place });
    return decompressFrame(bytes, contentBytes, place);
  }

  /** Any range of the content. @throws as {@link frame} */
  async read(contentOffset: number, length: number): Promise<Buffer> {
    const end = contentOffset + length;
    if (!(contentOffset >= 0 && length >= 0 && end <= this.blob.contentBytes))
      throw new RangeError(`bytes ${contentOffset} to ${end} of ${this.blob.contentBytes}`);
    const pieces: Buffer[] = [];
    for (let at = contentOffset; at < end;) {
      const index = Math.floor(at / FRAME_BYTES);
      const frame = await this.frame(index);
      const piece = frame.subarray(at - index * FRAME_BYTES, end - index * FRAME_BYTES);
      pieces.push(piece);
      at += piece.length;
    }
    return Buffer.concat(pieces);
  }
}

/** Some places give the whole blob whatever they are asked for; what comes after the range is left alone. */
async function readRange(
  repository: Repository,
  { kind, digest, sizeBytes }: LayerBlob,
  offset: number,
  length: number,
  options: RepositoryOptions,
): Promise<Buffer> {
  const descriptor = { mediaType: MEDIA_TYPES[kind], digest, size: sizeBytes };
  const body = await repository.readBlob(descriptor, { ...options, offset, length });
  const range = Buffer.allocUnsafe(length);
  let at = Math.min(0, body.offset - offset);
  for await (const piece of body.stream) {
    if (at + piece.length > 0) {
      const from = Math.max(0, -at);
      range.set(piece.subarray(from, Math.min(piece.length, length - at)), at + from);
    }
    at += piece.length;
    if (at >= length) return range;
  }
  throw new HyperfileError('BLOB_CUT_SHORT', { data: { blob: digest, problem: `at byte ${offset + at}` } });
}
