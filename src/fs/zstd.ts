/**
 * Decompresses zstd files of any number of frames (RFC 8878, section 3.1), as `zstd -d` does; Node's own stream stops
 * in silence after the first. Frames are found by their block headers and decompressed one after the other.
 */
import { pipeline, Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { HyperfileError } from '../base/error.ts';
import { FrameScanner } from '../bytes/zstd-frames.ts';

const PIECE_BYTES = 512 * 1024;

/** @throws HyperfileError FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT; damage inside a frame throws Node's own errors */
export async function* decompressZstd(input: Readable, archive: string): AsyncGenerator<Buffer> {
  const frames = new FrameSource(input, archive);
  while (!(await frames.isAtEnd())) {
    const stage = createZstdDecompress({ chunkSize: PIECE_BYTES });
    // Its error arrives through the stage, which makes nothing of a skippable frame.
    pipeline(Readable.from(frames.next()), stage, () => undefined);
    for await (const piece of stage) yield piece as Buffer;
  }
}

/** Cuts a stream where its frames end. */
class FrameSource {
  readonly #pieces: AsyncIterator<Buffer, unknown>;
  readonly #archive: string;
  #piece: Buffer = Buffer.alloc(0);

  constructor(input: Readable, archive: string) {
    this.#pieces = input[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown>;
    this.#archive = archive;
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const result = await this.#pieces.next();
      if (result.done === true) return true;
      this.#piece = result.value;
    }
    return false;
  }

  /** The bytes of the next frame. */
  async *next(): AsyncGenerator<Buffer> {
    const scanner = new FrameScanner(() => this.#problem('FS_ARCHIVE_CORRUPT', NOT_ZSTD));
    while (!scanner.isComplete) {
      if (await this.isAtEnd()) throw this.#problem('FS_ARCHIVE_CUT_SHORT', TOO_SHORT);
      const piece = this.#piece;
      const end = scanner.scan(piece, 0);
      this.#piece = piece.subarray(end);
      yield piece.subarray(0, end);
    }
  }

  #problem(code: 'FS_ARCHIVE_CORRUPT' | 'FS_ARCHIVE_CUT_SHORT', detail: string): HyperfileError {
    return new HyperfileError(code, { data: { archive: this.#archive, detail } });
  }
}

const NOT_ZSTD = 'something that is not zstd lies between its frames';
const TOO_SHORT = 'its compressed data ends too soon';
