/**
 * A set of small integers as bits, least significant first: the order of VHDX sector bitmaps on little-endian
 * machines, so its words can be copied to a file as they are. Ranges are half open. Keeps count of its members.
 */
export class Bitmap {
  readonly length: number;
  readonly words: Uint32Array;
  #count = 0;

  constructor(length: number) {
    this.length = length;
    this.words = new Uint32Array(Math.ceil(length / 32));
  }

  /** A bitmap of `length` bits from bytes, least significant bit first; bits past `length` are dropped. */
  static fromBytes(bytes: Uint8Array, length: number): Bitmap {
    const bitmap = new Bitmap(length);
    bitmap.bytes().set(bytes.subarray(0, Math.ceil(length / 8)));
    const spare = length & 31;
    if (spare !== 0) bitmap.words[bitmap.words.length - 1] &= ~0 >>> (32 - spare);
    for (const word of bitmap.words) bitmap.#count += popcount(word);
    return bitmap;
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  /** The bits as bytes, sharing memory. */
  bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer);
  }

  has(index: number): boolean {
    return ((this.words[index >>> 5] >>> (index & 31)) & 1) === 1;
  }

  /** Sets a range and returns how many of its bits were clear. */
  setRange(start: number, end: number): number {
    let changed = 0;
    for (let at = start; at < end;) {
      const word = at >>> 5;
      const stop = Math.min(end, (word + 1) * 32);
      const before = this.words[word];
      const added = maskOf(at, stop) & ~before;
      if (added !== 0) {
        this.words[word] = before | added;
        changed += popcount(added);
      }
      at = stop;
    }
    this.#count += changed;
    return changed;
  }

  /** Clears a range and returns how many of its bits were set. */
  clearRange(start: number, end: number): number {
    let changed = 0;
    for (let at = start; at < end;) {
      const word = at >>> 5;
      const stop = Math.min(end, (word + 1) * 32);
      const before = this.words[word];
      const removed = maskOf(at, stop) & before;
      if (removed !== 0) {
        this.words[word] = before & ~removed;
        changed += popcount(removed);
      }
      at = stop;
    }
    this.#count -= changed;
    return changed;
  }

  /** Adds every member of `other`, which must have the same length. */
  union(other: Bitmap): void {
    this.#count = 0;
    for (let i = 0; i < this.words.length; i++) {
      this.#count += popcount((this.words[i] |= other.words[i]));
    }
  }

  /** A copy with room for `length` bits; those that are new are clear. */
  extended(length: number): Bitmap {
    const larger = new Bitmap(length);
    larger.words.set(this.words);
    larger.#count = this.#count;
    return larger;
  }

  /** Where the run of equal bits that begins at `start` ends, at most `limit`. */
  runEnd(start: number, limit: number): number {
    const flip = this.has(start) ? ~0 : 0;
    let word = start >>> 5;
    // Bits that differ from the one at `start` become ones.
    let differing = (this.words[word] ^ flip) & (~0 << (start & 31));
    while (differing === 0) {
      word++;
      if (word * 32 >= limit) return limit;
      differing = this.words[word] ^ flip;
    }
    return Math.min(limit, word * 32 + 31 - Math.clz32(differing & -differing));
  }

  /** The runs of set bits in a range, in order. */
  *runs(start = 0, end = this.length): Generator<{ start: number; end: number }> {
    for (let at = start; at < end;) {
      const runEnd = this.runEnd(at, end);
      if (this.has(at)) yield { start: at, end: runEnd };
      at = runEnd;
    }
  }
}

/** Bits `start & 31` up to `end` (exclusive) of the one word that holds them; start < end. */
function maskOf(start: number, end: number): number {
  return (~0 << (start & 31)) & (~0 >>> ((32 - (end & 31)) & 31));
}

function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
