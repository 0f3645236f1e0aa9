/** The runs of a disk as a sequence that can be stopped anywhere and needs next to no memory, however long it is. */
import type { BlockFile } from '../disk/block-file.ts';
import type { DiskExtent } from '../disk/disk.ts';
import type { RunSource, RunVisitor } from './runs.ts';

interface Stretch {
  readonly offset: number;
  /** Grows while the range is still in its list. */
  length: number;
}

/** Bytes that are kept in a file. */
export interface DataRange extends Stretch {
  readonly kind: 'data';
  readonly file: BlockFile;
  readonly fileOffset: number;
}

/** Zeros, or bytes that a file leaves to the disk below it. */
export interface EmptyRange extends Stretch {
  readonly kind: 'zero' | 'parent';
}

export type Range = DataRange | EmptyRange;

/** So much of a disk is walked at a time: 131072 ranges at most. */
const STEP_BYTES = 64 * 1024 ** 2;

/** Collects runs; those that go on where the last one ended become one range with it. */
export class RangeList implements RunVisitor {
  readonly #ranges: Range[] = [];

  data(file: BlockFile, fileOffset: number, at: number, length: number): void {
    const last = this.#ranges.at(-1);
    if (last?.kind === 'data' && last.file === file && last.fileOffset + last.length === fileOffset) {
      last.length += length;
    } else this.#ranges.push({ kind: 'data', offset: at, length, file, fileOffset });
  }

  zeros(at: number, length: number): void {
    this.#empty('zero', at, length);
  }

  parent(at: number, length: number): void {
    this.#empty('parent', at, length);
  }

  #empty(kind: EmptyRange['kind'], offset: number, length: number): void {
    const last = this.#ranges.at(-1);
    if (last?.kind === kind) last.length += length;
    else this.#ranges.push({ kind, offset, length });
  }

  /** Hands out all ranges but the last, which may go on. */
  takeFinished(): Range[] {
    return this.#ranges.splice(0, this.#ranges.length - 1);
  }

  takeAll(): Range[] {
    return this.#ranges.splice(0);
  }
}

/** The ranges that a walk tells `list` of, neighbours merged: they cover the given range exactly. */
export function* rangesOf(
  source: RunSource,
  offset: number,
  length: number,
  list: RangeList = new RangeList(),
): Generator<Range> {
  const end = offset + length;
  for (let at = offset; at < end; at += STEP_BYTES) {
    source.runs(at, Math.min(STEP_BYTES, end - at), at, list);
    yield* list.takeFinished();
  }
  yield* list.takeAll();
}

/** As {@link rangesOf}, saying only what is data and what zeros. */
export function* extentsOf(source: RunSource, offset: number, length: number): Generator<DiskExtent> {
  let current: DiskExtent | undefined;
  for (const range of rangesOf(source, offset, length)) {
    const kind = range.kind === 'data' ? 'data' : 'zero';
    if (current?.kind === kind) current = { ...current, length: current.length + range.length };
    else {
      if (current) yield current;
      current = { offset: range.offset, length: range.length, kind };
    }
  }
  if (current) yield current;
}
