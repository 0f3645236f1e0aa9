/**
 * How a range of a disk is told as runs: so many bytes from this place of this file, so many zeros. Reading, listing
 * ranges and looking for zeros below a write are three visitors of the same walk.
 */
import type { BlockFile } from '../disk/block-file.ts';

/** Is told the runs of a range in order; `at` counts from where the walk was told to begin counting. */
export interface RunVisitor {
  data(file: BlockFile, fileOffset: number, at: number, length: number): void;
  zeros(at: number, length: number): void;
}

export interface RunSource {
  /** Tells the runs of `length` bytes from `offset` on; the first one is at `at`. */
  runs(offset: number, length: number, at: number, visitor: RunVisitor): void;
}

/** Reading so many bytes that do not count costs less than another call to the system. */
const MAX_GAP_BYTES = 16 * 1024;

/**
 * Reads runs into memory with few calls: runs that follow each other in one file are read at once, and so are runs of one
 * file with small islands of other layers in between, which are then read over what came along.
 */
export class Gather implements RunVisitor {
  /** The runs of the read at hand, in order; no file for zeros. */
  readonly #files: (BlockFile | undefined)[] = [];
  readonly #fileOffsets: number[] = [];
  readonly #ats: number[] = [];
  readonly #lengths: number[] = [];
  #count = 0;

  /** Fills `target` with what lies at `offset` of `source`. */
  read(source: RunSource, target: Uint8Array, offset: number): void {
    this.#count = 0;
    source.runs(offset, target.length, 0, this);
    for (let run = 0; run < this.#count;) {
      const last = run + 1 === this.#count ? run : this.#lastOfSpan(run);
      this.#readSpan(target, run, last);
      for (let island = run + 1; island < last; island++) {
        if (!this.#isCarried(run, island)) this.#readSpan(target, island, island);
      }
      run = last + 1;
    }
  }

  data(file: BlockFile, fileOffset: number, at: number, length: number): void {
    this.#add(file, fileOffset, at, length);
  }

  zeros(at: number, length: number): void {
    this.#add(undefined, at, at, length);
  }

  #add(file: BlockFile | undefined, fileOffset: number, at: number, length: number): void {
    const last = this.#count - 1;
    if (
      last >= 0 &&
      this.#files[last] === file &&
      this.#fileOffsets[last] + this.#lengths[last] === fileOffset
    ) {
      this.#lengths[last] += length;
      return;
    }
    const run = this.#count++;
    this.#files[run] = file;
    this.#fileOffsets[run] = fileOffset;
    this.#ats[run] = at;
    this.#lengths[run] = length;
  }

  /** The last run that one read from `run` on can bring along. */
  #lastOfSpan(run: number): number {
    let last = run;
    if (this.#files[run] === undefined) return last;
    for (let next = run + 1; next < this.#count; next++) {
      if (this.#ats[next] - this.#ats[last] - this.#lengths[last] > MAX_GAP_BYTES) break;
      if (this.#isCarried(run, next)) last = next;
    }
    return last;
  }

  /** True when two runs lie in one file as far apart as in memory. */
  #isCarried(run: number, other: number): boolean {
    const isSameFile = this.#files[run] === this.#files[other];
    return (
      isSameFile && this.#fileOffsets[other] - this.#fileOffsets[run] === this.#ats[other] - this.#ats[run]
    );
  }

  #readSpan(target: Uint8Array, first: number, last: number): void {
    const file = this.#files[first];
    const at = this.#ats[first];
    const length = this.#ats[last] + this.#lengths[last] - at;
    if (file === undefined) target.fill(0, at, at + length);
    else file.readAt(target, at, length, this.#fileOffsets[first]);
  }
}
