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

/** A stretch of a disk; bytes. */
export interface DiffRange {
  readonly offset: number;
  readonly length: number;
}

interface LocatedRange extends DiffRange {
  readonly file: BlockFile;
  readonly fileOffset: number;
}

/** A disk that can say where its bytes are, as {@link diffDisks} takes it. */
export interface LocatedDisk {
  readonly sizeBytes: number;
  /** What the disk holds, in order, and where in which file; what lies between reads as zeros. */
  data(): Iterable<LocatedRange>;
  /** Fills `target` with what lies at `offset`. */
  read(target: Uint8Array, offset: number): void;
}

export interface DiffIo {
  readonly signal?: AbortSignal;
  /** In bytes of the larger disk. Not called by work that is over at once. */
  readonly onProgress?: Listener<Progress>;
}

/** What is read at a time; no more than there are {@link ZEROS}. */
const PIECE_BYTES = ZEROS.length;
/** Differences are told in whole sectors of this size. */
const SECTOR_BYTES = 512;
/** How long others in this process wait. */
const TURN_MS = 50;

/**
 * The parts in which two disks differ, in order, neighbours merged, in whole sectors of 512 bytes.
 *
 * @throws HyperfileError DISK_IO, DISK_CUT_SHORT; the signal's reason when it fires
 */
export async function* diffDisks(a: LocatedDisk, b: LocatedDisk, io: DiffIo = {}): AsyncGenerator<DiffRange> {
  const total = Math.max(a.sizeBytes, b.sizeBytes);
  const comparer = new Comparer(a, b);
  let turnEndsMs = performance.now() + TURN_MS;
  let isLong = false;
  let open: { offset: number; length: number } | undefined;
  for (const piece of piecesOf(a, b)) {
    if (performance.now() > turnEndsMs) {
      isLong = true;
      io.onProgress?.({ done: piece.offset, total, unit: 'bytes' });
      await nextTurn();
      io.signal?.throwIfAborted();
      turnEndsMs = performance.now() + TURN_MS;
    }
    if (isSame(piece)) continue;
    for (const { offset, length } of comparer.differences(piece)) {
      if (open && open.offset + open.length === offset) open.length += length;
      else {
        if (open) yield open;
        open = { offset, length };
      }
    }
  }
  io.signal?.throwIfAborted();
  if (isLong) io.onProgress?.({ done: total, total, unit: 'bytes' });
  if (open) yield open;
}

/** Where a disk keeps the bytes of a stretch. */
interface Place {
  /** The place is good up to here. */
  readonly end: number;
  /** Which file, the same for all names and openings of it; absent for zeros. */
  readonly file?: string | BlockFile;
  /** What must be added to an offset of the disk to get to the place in the file. */
  readonly shift?: number;
}

/** A stretch with where both disks keep it. */
interface Pair extends DiffRange {
  readonly a: Place;
  readonly b: Place;
}

/** Both disks side by side; what must be read is cut into pieces. */
function* piecesOf(a: LocatedDisk, b: LocatedDisk): Generator<Pair> {
  for (const pair of pairsOf(a, b)) {
    const pieceBytes = isSame(pair) ? pair.length : PIECE_BYTES;
    const end = pair.offset + pair.length;
    for (let offset = pair.offset; offset < end; offset += pieceBytes) {
      yield { ...pair, offset, length: Math.min(pieceBytes, end - offset) };
    }
  }
}

/** True when both take the same bytes of the same file, or zeros. */
function isSame({ a, b }: Pair): boolean {
  return a.file === b.file && a.shift === b.shift;
}

/** Both disks side by side, up to the end of the larger one. */
function* pairsOf(a: LocatedDisk, b: LocatedDisk): Generator<Pair> {
  const sizeBytes = Math.max(a.sizeBytes, b.sizeBytes);
  const [left, right] = [new Places(a, sizeBytes), new Places(b, sizeBytes)];
  for (let offset = 0; offset < sizeBytes;) {
    const [inA, inB] = [left.at(offset), right.at(offset)];
    const length = Math.min(inA.end, inB.end) - offset;
    yield { offset, length, a: inA, b: inB };
    offset += length;
  }
}

/** Walks over the places of a disk; what it does not hold, and what lies past its end, are zeros. */
class Places {
  readonly #data: Iterator<LocatedRange>;
  readonly #sizeBytes: number;
  readonly #identities = new Map<BlockFile, string | BlockFile>();
  #current: Place = { end: 0 };
  /** What comes behind zeros. */
  #next: Place | undefined;

  constructor(disk: LocatedDisk, sizeBytes: number) {
    this.#data = disk.data()[Symbol.iterator]();
    this.#sizeBytes = sizeBytes;
  }

  /** The place that holds `offset`, which never goes back. */
  at(offset: number): Place {
    if (offset < this.#current.end) return this.#current;
    if (this.#next) {
      this.#current = this.#next;
      this.#next = undefined;
      return this.#current;
    }
    const next: IteratorResult<LocatedRange, unknown> = this.#data.next();
    if (next.done) return (this.#current = { end: this.#sizeBytes });
    const range = next.value;
    const place = {
      // A raw disk may end in the middle of a sector.
      end: Math.ceil((range.offset + range.length) / SECTOR_BYTES) * SECTOR_BYTES,
      file: this.#identity(range.file),
      shift: range.fileOffset - range.offset,
    };
    if (range.offset === offset) return (this.#current = place);
    this.#next = place;
    return (this.#current = { end: range.offset });
  }

  #identity(file: BlockFile): string | BlockFile {
    let identity = this.#identities.get(file);
    if (identity === undefined) this.#identities.set(file, (identity = identityOf(file.path) ?? file));
    return identity;
  }
}

class Comparer {
  readonly #a: LocatedDisk;
  readonly #b: LocatedDisk;
  readonly #left = Buffer.alloc(PIECE_BYTES);
  readonly #right = Buffer.alloc(PIECE_BYTES);

  constructor(a: LocatedDisk, b: LocatedDisk) {
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

function bytesOf(disk: LocatedDisk, place: Place, buffer: Buffer, offset: number, length: number): Buffer {
  if (place.file === undefined) return ZEROS;
  disk.read(buffer.subarray(0, length), offset);
  return buffer;
}
