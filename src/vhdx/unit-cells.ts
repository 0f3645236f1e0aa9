/**
 * How a megabyte ("unit") that several layers share is kept: a list of its sources, and for every few sectors a cell that
 * says which of them. Every byte of a unit lies at the same place within the megabyte of whichever file holds it, so a
 * source is a layer and its file's megabyte. Cells are as coarse as the changes of source allow (a guest that writes
 * whole pages needs one for 8 sectors) and as narrow as the number of sources does: 1, 2, 4, 8 or 16 bits.
 *
 * A record is one word (bits of a cell, log2 of its sectors, number of sources), two words a source, and the cells.
 * With sectors of 512 bytes it takes 276 bytes at most for two sources, 1.2 KiB for 16, 4.1 KiB for 256, and never more
 * than 6.2 KiB. Records lie in a larger array; `at` is where one begins.
 */
import type { Bitmap } from '../bytes/bitmap.ts';

const GRAIN_SHIFT = 8;
const COUNT_SHIFT = 16;
const BYTE_MASK = 0xff;
/** More than the numbers of all layers of a chain. */
const MAX_SOURCES = 512;
const ALL_BITS = 0xffffffff;

/** A record, read. */
export class UnitCells {
  readonly #words: Uint32Array;
  readonly #at: number;
  readonly #bits: number;
  readonly #mask: number;
  readonly #grain: number;
  readonly #first: number;

  constructor(words: Uint32Array, at: number) {
    const head = words[at];
    this.#words = words;
    this.#at = at;
    this.#bits = head & BYTE_MASK;
    this.#mask = (1 << this.#bits) - 1;
    this.#grain = (head >>> GRAIN_SHIFT) & BYTE_MASK;
    this.#first = at + 1 + 2 * (head >>> COUNT_SHIFT);
  }

  /** Words of the record. */
  length(sectorCount: number): number {
    return this.#first - this.#at + Math.ceil(((sectorCount >>> this.#grain) * this.#bits) / 32);
  }

  /** Which of the sources a sector has. */
  cellAt(sector: number): number {
    return this.#cell(sector >>> this.#grain);
  }

  #cell(index: number): number {
    const bit = index * this.#bits;
    return (this.#words[this.#first + (bit >>> 5)] >>> (bit & 31)) & this.#mask;
  }

  /** The number that the index gives a source. */
  source(cell: number): number {
    return this.#words[this.#at + 1 + 2 * cell];
  }

  /** Where the unit lies in the file of a source, in MiB. */
  fileMb(cell: number): number {
    return this.#words[this.#at + 2 + 2 * cell];
  }

  /** Where the sectors from `sector` on stop to be of its source, at most `limit`. */
  runEnd(sector: number, limit: number): number {
    const start = sector >>> this.#grain;
    const stop = ((limit - 1) >>> this.#grain) + 1;
    const cell = this.#cell(start);
    const perWord = 32 / this.#bits;
    // What a word looks like that holds nothing but this cell.
    const full = Math.imul(cell, ALL_BITS / this.#mask) >>> 0;
    let end = start + 1;
    while (end < stop) {
      if (end % perWord === 0 && this.#words[this.#first + end / perWord] === full) end += perWord;
      else if (this.#cell(end) === cell) end++;
      else return end << this.#grain;
    }
    return limit;
  }
}

/** Scratch space in which one unit is put together, topmost layer first. */
export class UnitScratch {
  readonly sectorCount: number;
  /** 0 where nothing was filled in yet. */
  readonly #source: Uint16Array;
  readonly #fileMb: Uint32Array;
  readonly #record: Uint32Array;
  /** Source -> its cell, plus one; all zeros between two records. */
  readonly #cells = new Uint16Array(MAX_SOURCES);
  #filled = 0;

  constructor(sectorCount: number) {
    this.sectorCount = sectorCount;
    this.#source = new Uint16Array(sectorCount);
    this.#fileMb = new Uint32Array(sectorCount);
    this.#record = new Uint32Array(1 + 2 * MAX_SOURCES + sectorCount / 2);
  }

  get isFull(): boolean {
    return this.#filled === this.sectorCount;
  }

  clear(): void {
    this.#source.fill(0);
    this.#filled = 0;
  }

  /** Fills those sectors of a range that are still free. */
  fill(start: number, end: number, source: number, fileMb: number): void {
    if (this.#filled === 0 && start < end) {
      this.#source.fill(source, start, end);
      this.#fileMb.fill(fileMb, start, end);
      this.#filled = end - start;
      return;
    }
    for (let sector = start; sector < end; sector++) this.#fillOne(sector, source, fileMb);
  }

  /** Fills those sectors that are still free and whose bits are set, of which the first is `firstBit`, a multiple of 32. */
  fillBits(bits: Bitmap, firstBit: number, source: number, fileMb: number): void {
    for (let start = 0; start < this.sectorCount; start += 32) {
      const word = bits.words[(firstBit + start) >>> 5];
      if (word === ALL_BITS) this.fill(start, start + 32, source, fileMb);
      else
        for (let rest = word; rest !== 0; rest &= rest - 1)
          this.#fillOne(start + 31 - Math.clz32(rest & -rest), source, fileMb);
    }
  }

  #fillOne(sector: number, source: number, fileMb: number): void {
    if (this.#source[sector] !== 0) return;
    this.#source[sector] = source;
    this.#fileMb[sector] = fileMb;
    this.#filled++;
  }

  /** Fills what is still free from a record. */
  fillFrom(words: Uint32Array, at: number): void {
    const cells = new UnitCells(words, at);
    for (let start = 0; start < this.sectorCount;) {
      const cell = cells.cellAt(start);
      const end = cells.runEnd(start, this.sectorCount);
      this.fill(start, end, cells.source(cell), cells.fileMb(cell));
      start = end;
    }
  }

  /** The one source of a full unit, when there is only one. */
  single(): { source: number; fileMb: number } | undefined {
    if (this.#runEnd(0) !== this.sectorCount) return undefined;
    return { source: this.#source[0], fileMb: this.#fileMb[0] };
  }

  /** A full unit as a record, good until the next one. */
  record(): Uint32Array {
    const record = this.#record;
    const { count, grain } = this.#listSources();
    const bits = [1, 2, 4, 8, 16].find((width) => count <= 1 << width)!;
    record[0] = bits | (grain << GRAIN_SHIFT) | (count << COUNT_SHIFT);
    const first = 1 + 2 * count;
    const end = new UnitCells(record, 0).length(this.sectorCount);
    record.fill(0, first, end);
    for (let cell = 0; cell << grain < this.sectorCount; cell++) {
      const bit = cell * bits;
      record[first + (bit >>> 5)] |= (this.#cells[this.#source[cell << grain]] - 1) << (bit & 31);
    }
    for (let cell = 0; cell < count; cell++) this.#cells[record[1 + 2 * cell]] = 0;
    return record.subarray(0, end);
  }

  /** Writes the sources of the unit into the record, and finds how coarse its cells may be. */
  #listSources(): { count: number; grain: number } {
    let count = 0;
    let starts = this.sectorCount;
    for (let start = 0; start < this.sectorCount; start = this.#runEnd(start)) {
      const source = this.#source[start];
      starts |= start;
      if (this.#cells[source] !== 0) continue;
      this.#record[1 + 2 * count] = source;
      this.#record[2 + 2 * count] = this.#fileMb[start];
      this.#cells[source] = ++count;
    }
    return { count, grain: 31 - Math.clz32(starts & -starts) };
  }

  #runEnd(start: number): number {
    let end = start + 1;
    while (end < this.sectorCount && this.#source[end] === this.#source[start]) end++;
    return end;
  }
}
