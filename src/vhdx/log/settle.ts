/**
 * What a series of changes leaves in the end: the last content of every page, and the ranges that are zeros now. Takes
 * the memory of what it is given, and time that grows with it and little more, however the changes lie on each other.
 */
import { LOG_SECTOR_BYTES } from '../format.ts';
import type { LogChange } from './entry.ts';

type PageChange = Extract<LogChange, { kind: 'page' }>;

export interface SettledChanges {
  /** In the order of the file, none twice. They lie on top of the zeros. */
  readonly pages: readonly PageChange[];
  /** In the order of the file, not touching each other. */
  readonly zeros: Ranges;
  /** Where the last change ends. */
  readonly endBytes: number;
}

/** Ranges of a file: two flat lists, because a log may hold millions of them. */
export interface Ranges {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

/** Takes in changes, the oldest first. */
export function settle(changes: Iterable<LogChange>): SettledChanges {
  const pages = new Map<number, { change: PageChange; zerosBefore: number }>();
  const zeros = new RangeList();
  let endBytes = 0;
  for (const change of changes) {
    if (change.kind === 'page') pages.set(change.fileOffset, { change, zerosBefore: zeros.count });
    else if (change.length > 0) zeros.add(change.fileOffset, change.fileOffset + change.length);
    const length = change.kind === 'page' ? LOG_SECTOR_BYTES : change.length;
    endBytes = Math.max(endBytes, change.fileOffset + length);
  }
  const sorted = [...pages.values()].sort((one, two) => one.change.fileOffset - two.change.fileOffset);
  const newestZeros = newestOver(
    sorted.map(({ change }) => change.fileOffset),
    zeros,
  );
  const visible = sorted.filter(({ zerosBefore }, i) => newestZeros[i] < zerosBefore);
  return { pages: visible.map(({ change }) => change), zeros: zeros.merge(), endBytes };
}

/** For each of `offsets`, which are sorted: the number of the newest range over it, -1 when there is none. */
function newestOver(offsets: readonly number[], { starts, ends, count }: RangeList): Int32Array {
  const newest = new Int32Array(offsets.length).fill(-1);
  // The newest range comes first and takes all that lie in it; `next` leads past those that are taken.
  const next = Uint32Array.from({ length: offsets.length + 1 }, (_, i) => i);
  const free = (from: number): number => {
    let at = from;
    while (next[at] !== at) at = next[at] = next[next[at]];
    return at;
  };
  for (let range = count - 1; range >= 0; range--) {
    let at = free(firstNotBelow(offsets, starts[range]));
    for (; at < offsets.length && offsets[at] < ends[range]; at = free(at)) {
      newest[at] = range;
      next[at] = at + 1;
    }
  }
  return newest;
}

/** The index of the first of `sorted` that is `value` or more. */
export function firstNotBelow(sorted: ArrayLike<number>, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

class RangeList implements Ranges {
  starts = new Float64Array(64);
  ends = new Float64Array(64);
  count = 0;

  add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      [this.starts, this.ends] = [doubled(this.starts), doubled(this.ends)];
    }
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
  }

  /** The union of all ranges. The list is of no use afterwards. */
  merge(): Ranges {
    const starts = this.starts.subarray(0, this.count).sort();
    const ends = this.ends.subarray(0, this.count).sort();
    let merged = 0;
    let start = starts[0];
    for (let i = 0; i < this.count; i++) {
      // As many have ended as have begun: here the union has a gap, unless the next one begins at once.
      if (starts[i + 1] <= ends[i]) continue;
      starts[merged] = start;
      ends[merged++] = ends[i];
      start = starts[i + 1];
    }
    return { starts: starts.subarray(0, merged), ends: ends.subarray(0, merged) };
  }
}

function doubled(array: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
