/**
 * A gigabyte of a chain's index: for each of its megabytes, whose data counts. It takes next to nothing where all of it
 * is in one place, else 6 KiB, and what the records of those megabytes take that several layers share (see
 * unit-cells.ts), up to half as much again while they become more.
 */
import { UnitCells } from './unit-cells.ts';

/** Units (megabytes) of one page. */
export const UNITS_PER_PAGE = 1024;

/** What a unit's `source` says; from FIRST_FILE on, which file holds all of it. */
export const UNRESOLVED = 0;
export const ZERO = 1;
export const MIXED = 2;
export const FIRST_FILE = 3;

/** A gigabyte that is all zeros, or of which one file holds all, one block behind the other. */
export interface UniformPage {
  readonly source: number;
  /** Where the gigabyte begins in its file, in MiB. */
  readonly fileMb: number;
}

export const ZEROS_ONLY: UniformPage = { source: ZERO, fileMb: 0 };

export class IndexPage {
  readonly source = new Uint16Array(UNITS_PER_PAGE);
  /** Where the unit lies in its file, in MiB; for MIXED units, where in `words` its record is. */
  readonly place = new Uint32Array(UNITS_PER_PAGE);
  /** The records of MIXED units. */
  words = new Uint32Array(0);
  /** True once it was looked at since the cache last had to choose. */
  wasUsed = false;
  readonly #sectorsPerUnit: number;
  #used = 0;

  constructor(sectorsPerUnit: number) {
    this.#sectorsPerUnit = sectorsPerUnit;
  }

  get bytes(): number {
    return this.source.byteLength + this.place.byteLength + this.words.byteLength;
  }

  set(slot: number, source: number, fileMb: number): void {
    this.source[slot] = source;
    this.place[slot] = fileMb;
  }

  /** Keeps a copy of a record. */
  setMixed(slot: number, record: Uint32Array): void {
    // What the slot had before is garbage now.
    this.source[slot] = UNRESOLVED;
    if (this.#used + record.length > this.words.length) this.#repack(record.length);
    this.words.set(record, this.#used);
    this.set(slot, MIXED, this.#used);
    this.#used += record.length;
  }

  /** Moves the records that are in use to a new array with room for more. */
  #repack(moreWords: number): void {
    const old = this.words;
    const inUse: number[] = [];
    let words = moreWords;
    this.source.forEach((source, slot) => {
      if (source !== MIXED) return;
      inUse.push(slot);
      words += this.#recordAt(old, this.place[slot]).length;
    });
    this.words = new Uint32Array(Math.ceil(words * 1.5));
    this.#used = 0;
    for (const slot of inUse) {
      const record = this.#recordAt(old, this.place[slot]);
      this.words.set(record, this.#used);
      this.place[slot] = this.#used;
      this.#used += record.length;
    }
  }

  #recordAt(words: Uint32Array, at: number): Uint32Array {
    return words.subarray(at, at + new UnitCells(words, at).length(this.#sectorsPerUnit));
  }
}
