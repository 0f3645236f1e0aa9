/** Cuts bytes into zstd frames by their headers: nothing is decompressed, and no more than a frame is held. */
import { HyperfileError } from '../base/error.ts';
import { FrameScanner } from '../bytes/zstd-frames.ts';
import type { Digest } from '../oci/digest.ts';

export interface SplitFrame {
  /** `skippable`: a table, with its header. */
  readonly kind: 'content' | 'skippable';
  /** Only lent: the next frame takes its place. */
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
  readonly #memory = new FrameMemory();
  #frame = 0;
  #pending: PendingFrame;

  /** @param blob what errors call it */
  constructor(blob: Digest, limits: FrameLimits) {
    this.#blob = blob;
    this.#limits = limits;
    this.#pending = this.#next();
  }

  /**
   * The frames that a piece completes. Nothing of it is kept: its bytes are copied.
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
    return new PendingFrame({ blob: this.#blob, frame: this.#frame }, this.#limits, this.#memory);
  }
}

/** A frame that is put together in memory that serves all of a blob. */
class PendingFrame {
  readonly #place: { readonly blob: Digest; readonly frame: number };
  readonly #limits: FrameLimits;
  readonly #scanner: FrameScanner;
  readonly #memory: FrameMemory;
  #length = 0;

  constructor(
    place: { readonly blob: Digest; readonly frame: number },
    limits: FrameLimits,
    memory: FrameMemory,
  ) {
    this.#place = place;
    this.#limits = limits;
    this.#memory = memory;
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
    const length = this.#length + end - from;
    const limit =
      this.#scanner.kind === 'skippable' ? this.#limits.skippableBytes : this.#limits.contentBytes;
    if (length > limit) {
      const problem = `more than ${limit} bytes`;
      throw new HyperfileError('BLOB_FRAME_SIZE', { data: { ...this.#place, problem } });
    }
    this.#memory.put(piece.subarray(from, end), this.#length);
    this.#length = length;
    return end;
  }

  take(): SplitFrame {
    return { kind: this.#scanner.kind ?? 'content', bytes: this.#memory.bytes(this.#length) };
  }
}

/** Grows to the longest frame that there was. */
class FrameMemory {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);

  put(bytes: Uint8Array, at: number): void {
    const length = at + bytes.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, at);
  }

  bytes(length: number): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, length);
  }
}
