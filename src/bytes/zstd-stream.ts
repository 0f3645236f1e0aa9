/**
 * Decompresses zstd of any number of frames (RFC 8878, section 3.1), as `zstd -d` does; Node's own stream stops in
 * silence after the first. Frames are found by their block headers and decompressed one after the other.
 */
import { pipeline, Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { FrameScanner } from './zstd-frames.ts';

/** Makes the error for what is wrong between frames. */
export type ZstdProblem = (kind: 'cut-short' | 'corrupt', detail: string) => Error;

const PIECE_BYTES = 512 * 1024;

/** Throws what `problem` makes; damage inside a frame throws Node's own errors (`ZSTD_...`). */
export async function* decompressFrames(
  input: AsyncIterable<Buffer>,
  problem: ZstdProblem,
): AsyncGenerator<Buffer> {
  const frames = new FrameSource(input, problem);
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
  readonly #problem: ZstdProblem;
  #piece: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Buffer>, problem: ZstdProblem) {
    this.#pieces = input[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown>;
    this.#problem = problem;
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
    const scanner = new FrameScanner(() =>
      this.#problem('corrupt', 'something that is not zstd lies between its frames'),
    );
    while (!scanner.isComplete) {
      if (await this.isAtEnd()) throw this.#problem('cut-short', 'its compressed data ends too soon');
      const piece = this.#piece;
      const end = scanner.scan(piece, 0);
      this.#piece = piece.subarray(end);
      yield piece.subarray(0, end);
    }
  }
}
