/**
 * How a range of a disk is told as runs: so many bytes from this place of this file, so many zeros. Reading, listing
 * extents and looking for zeros below a write are three visitors of the same walk.
 */
import type { BlockFile } from '../disk/block-file.ts';
import type { DiskExtent } from '../disk/disk.ts';

/** Is told the runs of a range in order; `at` counts from where the walk was told to begin counting. */
export interface RunVisitor {
  data(file: BlockFile, fileOffset: number, at: number, length: number): void;
  zeros(at: number, length: number): void;
}

export interface RunSource {
  /** Tells the runs of `length` bytes from `offset` on; the first one is at `at`. */
  runs(offset: number, length: number, at: number, visitor: RunVisitor): void;
}

/** Reads runs into memory. Runs that follow each other in one file are read in one call. */
export class Gather implements RunVisitor {
  #target: Uint8Array = new Uint8Array(0);
  #file: BlockFile | undefined;
  #fileOffset = 0;
  #at = 0;
  #length = 0;

  /** Fills `target` with what lies at `offset` of `source`. */
  read(source: RunSource, target: Uint8Array, offset: number): void {
    this.#target = target;
    this.#file = undefined;
    source.runs(offset, target.length, 0, this);
    if (this.#file !== undefined)
      (this.#file as BlockFile).readAt(target, this.#at, this.#length, this.#fileOffset);
  }

  data(file: BlockFile, fileOffset: number, at: number, length: number): void {
    if (this.#file !== undefined) {
      // Runs come in order, so only a gap of zeros in between can break the target's continuity.
      const follows = fileOffset === this.#fileOffset + this.#length && at === this.#at + this.#length;
      if (follows && file === this.#file) {
        this.#length += length;
        return;
      }
      this.#file.readAt(this.#target, this.#at, this.#length, this.#fileOffset);
    }
    this.#file = file;
    this.#fileOffset = fileOffset;
    this.#at = at;
    this.#length = length;
  }

  zeros(at: number, length: number): void {
    this.#target.fill(0, at, at + length);
  }
}

/** Enough for few walks, little enough to hold at once. */
const STEP_BYTES = 1024 ** 3;

/** The runs of a range as extents of a disk, neighbours of one kind merged. */
export function* extentsOf(source: RunSource, offset: number, length: number): Generator<DiskExtent> {
  let current: DiskExtent | undefined;
  const end = offset + length;
  for (let at = offset; at < end; at += STEP_BYTES) {
    const found = new Extents();
    source.runs(at, Math.min(STEP_BYTES, end - at), at, found);
    for (const extent of found.extents) {
      if (current?.kind === extent.kind) current = { ...current, length: current.length + extent.length };
      else {
        if (current) yield current;
        current = extent;
      }
    }
  }
  if (current) yield current;
}

class Extents implements RunVisitor {
  readonly extents: DiskExtent[] = [];

  data(_file: BlockFile, _fileOffset: number, at: number, length: number): void {
    this.extents.push({ offset: at, length, kind: 'data' });
  }

  zeros(at: number, length: number): void {
    this.extents.push({ offset: at, length, kind: 'zero' });
  }
}
