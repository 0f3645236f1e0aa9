/**
 * Which parts of two disks differ. What both take from the same place of the same file is equal without being read, and so
 * is what neither of them stores: two images that share most of their layers compare in no time.
 *
 * Sizes may differ. As with `qemu-img compare`, what one disk has past the end of the other counts as equal where it
 * reads as zeros; and whether zeros are stored or not makes no difference.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Listener, Progress } from '../../base/events.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { ZEROS } from '../../disk/zeros.ts';
import { identityOf } from '../ancestry.ts';
import type { ChainDisk } from '../chain.ts';

/** A stretch of a disk; bytes. */
export interface DiffRange {
  readonly offset: number;
  readonly length: number;
}

/** Where a disk keeps a stretch. */
type Place = DiffRange &
  (
    | { readonly kind: 'zero' }
    /** `file` is the same for the same file only; none for one that has no identity. */
    | { readonly kind: 'data'; readonly file: string | undefined; readonly fileOffset: number }
  );

/** A disk as {@link diffDisks} takes it. */
export interface ComparedDisk {
  readonly sizeBytes: number;
  /** Fills `target` from `offset`. */
  read(target: Uint8Array, offset: number): void;
  /** Where the whole disk is: consecutive places. */
  places(): Iterable<Place>;
}

/** A chain, which its owner closes. */
export function comparedChain(chain: ChainDisk): ComparedDisk {
  const files = chain.layers.map(({ path }) => identityOf(path));
  return {
    sizeBytes: chain.sizeBytes,
    read: (target, offset) => chain.read(target, offset),
    *places() {
      for (const range of chain.resolve()) {
        if (range.kind === 'zero') yield { kind: 'zero', offset: range.offset, length: range.length };
        else {
          const { offset, length, depth, fileOffset } = range;
          yield { kind: 'data', offset, length, file: files[depth], fileOffset };
        }
      }
    },
  };
}

/** A raw disk of any length; one that ends in the middle of a sector goes on with zeros. Its owner closes the file. */
export function comparedFile(file: BlockFile): ComparedDisk {
  const sizeBytes = file.sizeBytes();
  const length = Math.ceil(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES;
  return {
    sizeBytes,
    read(target, offset) {
      const count = Math.min(target.length, sizeBytes - offset);
      file.readAt(target, 0, count, offset);
      target.fill(0, count);
    },
    places: () => [{ kind: 'data', offset: 0, length, file: identityOf(file.path), fileOffset: 0 }],
  };
}

export interface DiffIo {
  readonly signal?: AbortSignal;
  /** In bytes of the larger disk. */
  readonly onProgress?: Listener<Progress>;
}

/** What is read at a time; no more than there are {@link ZEROS}. */
const PIECE_BYTES = ZEROS.length;
/** Differences are told in whole sectors of this size, but for the end of a raw disk. */
const SECTOR_BYTES = 512;
/** How long others in this process wait. */
const TURN_MS = 50;

/**
 * The parts in which two disks differ, in order, neighbours merged, in whole sectors of 512 bytes.
 *
 * @throws HyperfileError DISK_IO, DISK_CUT_SHORT; the signal's reason when it fires
 */
export async function* diffDisks(
  a: ComparedDisk,
  b: ComparedDisk,
  io: DiffIo = {},
): AsyncGenerator<DiffRange> {
  const total = Math.max(a.sizeBytes, b.sizeBytes);
  const comparer = new Comparer(a, b);
  let turnEndsMs = performance.now() + TURN_MS;
  let open: { offset: number; length: number } | undefined;
  for (const piece of piecesOf(a, b)) {
    if (performance.now() > turnEndsMs) {
      io.onProgress?.({ done: piece.offset, total, unit: 'bytes' });
      await nextTurn();
      io.signal?.throwIfAborted();
      turnEndsMs = performance.now() + TURN_MS;
    }
    for (const { offset, length } of comparer.differences(piece)) {
      if (open && open.offset + open.length === offset) open.length += length;
      else {
        if (open) yield open;
        open = { offset, length };
      }
    }
  }
  io.signal?.throwIfAborted();
  io.onProgress?.({ done: total, total, unit: 'bytes' });
  if (open) yield open;
}

/** A stretch with where both disks keep it. */
interface Pair extends DiffRange {
  readonly a: Place;
  readonly b: Place;
}

/** The stretches that must be read to know whether they are equal. */
function* piecesOf(a: ComparedDisk, b: ComparedDisk): Generator<Pair> {
  for (const pair of pairsOf(a, b)) {
    if (isSamePlace(pair)) continue;
    const end = pair.offset + pair.length;
    for (let offset = pair.offset; offset < end;) {
      const length = Math.min(PIECE_BYTES, end - offset);
      yield { ...pair, offset, length };
      offset += length;
    }
  }
}

/** Both disks side by side, up to the end of the larger one. */
function* pairsOf(a: ComparedDisk, b: ComparedDisk): Generator<Pair> {
  const sizeBytes = Math.max(a.sizeBytes, b.sizeBytes);
  const [left, right] = [new Places(a, sizeBytes), new Places(b, sizeBytes)];
  for (let offset = 0; offset < sizeBytes;) {
    const [inA, inB] = [left.at(offset), right.at(offset)];
    const length = Math.min(sizeBytes, inA.offset + inA.length, inB.offset + inB.length) - offset;
    yield { offset, length, a: inA, b: inB };
    offset += length;
  }
}

/** Walks over the places of a disk; past its end are zeros. */
class Places {
  readonly #rest: Iterator<Place>;
  readonly #end: Place;
  #current: Place | undefined;

  constructor(disk: ComparedDisk, sizeBytes: number) {
    this.#rest = disk.places()[Symbol.iterator]();
    this.#end = { kind: 'zero', offset: 0, length: sizeBytes };
  }

  /** The place that holds `offset`, which never goes back. */
  at(offset: number): Place {
    while (this.#current === undefined || this.#current.offset + this.#current.length <= offset) {
      const next: IteratorResult<Place, unknown> = this.#rest.next();
      this.#current = next.done ? this.#end : next.value;
    }
    return this.#current;
  }
}

function isSamePlace({ a, b }: Pair): boolean {
  if (a.kind === 'zero' || b.kind === 'zero') return a.kind === b.kind;
  const isSameFile = a.file !== undefined && a.file === b.file;
  return isSameFile && a.fileOffset - a.offset === b.fileOffset - b.offset;
}

class Comparer {
  readonly #a: ComparedDisk;
  readonly #b: ComparedDisk;
  readonly #left = Buffer.alloc(PIECE_BYTES);
  readonly #right = Buffer.alloc(PIECE_BYTES);

  constructor(a: ComparedDisk, b: ComparedDisk) {
    this.#a = a;
    this.#b = b;
  }

  /** The runs of sectors that differ in a piece. */
  *differences({ offset, length, a, b }: Pair): Generator<DiffRange> {
    const left = bytesOf(this.#a, a, this.#left, offset, length);
    const right = bytesOf(this.#b, b, this.#right, offset, length);
    if (left.compare(right, 0, length, 0, length) === 0) return;
    for (let start = 0; start < length;) {
      const end = Math.min(length, start + SECTOR_BYTES - ((offset + start) % SECTOR_BYTES));
      if (left.compare(right, start, end, start, end) !== 0)
        yield { offset: offset + start, length: end - start };
      start = end;
    }
  }
}

function bytesOf(disk: ComparedDisk, place: Place, buffer: Buffer, offset: number, length: number): Buffer {
  if (place.kind === 'zero') return ZEROS;
  disk.read(buffer.subarray(0, length), offset);
  return buffer;
}
