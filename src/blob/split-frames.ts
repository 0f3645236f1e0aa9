/** Cuts a stream into its zstd frames by their headers: nothing is decompressed, and no more than a frame is held. */
import { HyperfileError } from '../base/error.ts';
import { FrameScanner } from '../bytes/zstd-frames.ts';
import type { Digest } from '../oci/digest.ts';

export interface SplitFrame {
  /** `skippable`: a table, with its header. */
  readonly kind: 'content' | 'skippable';
  /** In memory of its own. */
  readonly bytes: Buffer<ArrayBuffer>;
}

/** The longest frames to accept, with their headers. */
export interface FrameLimits {
  readonly contentBytes: number;
  readonly skippableBytes: number;
}

/**
 * The frames of a blob in order, up to the end of the stream, whose pieces must stay as they are until the next frame.
 *
 * @param blob what errors call it
 * @throws HyperfileError BLOB_CUT_SHORT, BLOB_FRAME_DAMAGED (no zstd), BLOB_FRAME_SIZE (longer than a limit)
 */
export async function* splitFrames(
  stream: AsyncIterable<Uint8Array>,
  blob: Digest,
  limits: FrameLimits,
): AsyncGenerator<SplitFrame> {
  let frame = 0;
  let pending = new PendingFrame({ blob, frame }, limits);
  for await (const piece of stream) {
    for (let at = 0; at < piece.length;) {
      at = pending.add(piece, at);
      if (!pending.isComplete) continue;
      yield pending.take();
      pending = new PendingFrame({ blob, frame: ++frame }, limits);
    }
  }
  if (pending.isEmpty) return;
  const problem = `in the middle of frame ${frame}`;
  throw new HyperfileError('BLOB_CUT_SHORT', { data: { blob, problem } });
}

class PendingFrame {
  readonly #place: { readonly blob: Digest; readonly frame: number };
  readonly #limits: FrameLimits;
  readonly #scanner: FrameScanner;
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(place: { readonly blob: Digest; readonly frame: number }, limits: FrameLimits) {
    this.#place = place;
    this.#limits = limits;
    this.#scanner = new FrameScanner(() => {
      return new HyperfileError('BLOB_FRAME_DAMAGED', { data: { ...place, problem: 'it is not zstd' } });
    });
  }

  get isComplete(): boolean {
    return this.#scanner.isComplete;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Takes what belongs to the frame; returns where it ends in the piece. */
  add(piece: Uint8Array, from: number): number {
    const end = this.#scanner.scan(piece, from);
    this.#pieces.push(piece.subarray(from, end));
    this.#length += end - from;
    const limit =
      this.#scanner.kind === 'skippable' ? this.#limits.skippableBytes : this.#limits.contentBytes;
    if (this.#length <= limit) return end;
    const problem = `more than ${limit} bytes`;
    throw new HyperfileError('BLOB_FRAME_SIZE', { data: { ...this.#place, problem } });
  }

  take(): SplitFrame {
    return { kind: this.#scanner.kind ?? 'content', bytes: Buffer.concat(this.#pieces, this.#length) };
  }
}
