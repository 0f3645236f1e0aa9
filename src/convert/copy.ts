/**
 * Copies a disk. Pieces are read ahead in the background while those before them are written, one after the other and in
 * order: the same disk always becomes the same file. Writers of one file would only wait for each other.
 */
import { setImmediate } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';
import type { StepsIo } from '../base/steps.ts';
import { writeData } from '../disk/copy.ts';
import { PIECE_BYTES, piecesOf, readPiece, type Piece } from './pieces.ts';
import type { CopySource } from './source.ts';
import type { CopyTarget } from './target.ts';

const PIECES_AHEAD = 4;
/** How much is done between two reports: some 20 ms of work. */
const REPORT_BYTES = 32 * 1024 * 1024;

/**
 * Copies `source` onto `target`, which must read as zeros so far and be at least as large.
 *
 * @throws HyperfileError of the disks; INTERRUPTED
 */
export async function copyAhead(source: CopySource, target: CopyTarget, io: StepsIo): Promise<void> {
  const pieces = piecesOf(source.data());
  const copying = new Copying(target, source.sizeBytes, io);
  const idle = Array.from({ length: PIECES_AHEAD }, (): Uint8Array => new Uint8Array(PIECE_BYTES));
  const ahead: Loading[] = [];
  try {
    for (;;) {
      while (idle.length > 0) {
        const next = pieces.next();
        if (next.done) break;
        ahead.push(load(source, next.value, idle.pop()!));
      }
      const loading = ahead.shift();
      if (loading === undefined) break;
      await loading.ready;
      await copying.put(loading.piece, loading.buffer);
      idle.push(loading.buffer);
    }
    await copying.finish();
  } finally {
    // The files are closed next: no read may be under way then.
    await Promise.allSettled(ahead.map(({ ready }) => ready));
  }
}

interface Loading {
  readonly piece: Piece;
  readonly buffer: Uint8Array;
  readonly ready: Promise<void>;
}

function load(source: CopySource, piece: Piece, buffer: Uint8Array): Loading {
  const ready = readPiece(source, piece, buffer);
  // Whoever waits for the piece hears of it; until then it is no unhandled rejection.
  ready.catch(() => undefined);
  return { piece, buffer, ready };
}

/** The writing side: takes pieces in order, and now and then lets others have their turn. */
class Copying {
  readonly #target: CopyTarget;
  readonly #total: number;
  readonly #io: StepsIo;
  /** Everything before is done. */
  #at = 0;
  #reported = 0;

  constructor(target: CopyTarget, total: number, io: StepsIo) {
    this.#target = target;
    this.#total = total;
    this.#io = io;
  }

  async put({ offset, length }: Piece, buffer: Uint8Array): Promise<void> {
    await this.#passTo(offset);
    const bytes = buffer.subarray(0, length);
    if (this.#target.zero) this.#target.write(bytes, offset);
    else writeData(this.#target, bytes, offset);
    this.#at = offset + length;
    if (this.#at - this.#reported >= REPORT_BYTES) await this.#report();
  }

  async finish(): Promise<void> {
    await this.#passTo(this.#total);
    await this.#report();
  }

  /** The disk is zero up to `offset`. */
  async #passTo(offset: number): Promise<void> {
    while (this.#target.zero && this.#at < offset) {
      const count = Math.min(REPORT_BYTES, offset - this.#at);
      this.#target.zero(this.#at, count);
      this.#at += count;
      await this.#report();
    }
    this.#at = offset;
  }

  async #report(): Promise<void> {
    this.#reported = this.#at;
    this.#io.onProgress({ done: this.#at, total: this.#total, unit: 'bytes' });
    await setImmediate();
    if (this.#io.signal.aborted) throw new HyperfileError('INTERRUPTED');
  }
}
