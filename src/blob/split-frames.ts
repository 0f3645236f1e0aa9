/** Cuts bytes into zstd frames by their headers: nothing is decompressed, and no more than a frame is held. */
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

/** Takes in the bytes of a blob, in pieces of any size, and gives its frames back in order. */
export class FrameSplitter {
  readonly #blob: Digest;
  readonly #limits: FrameLimits;
  #frame = 0;
  #pending: PendingFrame;

  /** @param blob what errors call it */
  constructor(blob: Digest, limits: FrameLimits) {
    this.#blob = blob;
    this.#limits = limits;
    this.#pending = this.#next();
  }

  /**
   * The frames that a piece completes. It must stay as it is until its last frame is complete.
   *
   * @throws HyperfileError BLOB_FRAME_DAMAGED (no zstd), BLOB_FRAME_SIZE (longer than a limit)
   */
  *push(piece: Uint8Array): Generator<SplitFrame> {
    for (let at = 0; at < piece.length;) {
      at = this.#pending.add(piece, at);
      if (!this.#pending.isComplete) continue;
      const complete = this.#pending;
      this.#frame++;
      this.#pending = this.#next();
      yield complete.take();
    }
  }

  /** @throws HyperfileError BLOB_CUT_SHORT in the middle of a frame */
  end(): void {
    if (this.#pending.isEmpty) return;
    const problem = `in the middle of frame ${this.#frame}`;
    throw new HyperfileError('BLOB_CUT_SHORT', { data: { blob: this.#blob, problem } });
  }

  #next(): PendingFrame {
    return new PendingFrame({ blob: this.#blob, frame: this.#frame }, this.#limits);
  }
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
