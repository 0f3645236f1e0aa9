/** A gigabyte of a chain's index: for each of its megabytes, whose data counts. */
import { recordLength } from './unit-runs.ts';

/** Units (megabytes) of one page. */
export const UNITS_PER_PAGE = 1024;

/** What a unit's `source` says; from FIRST_FILE on, which file holds all of it. */
export const UNRESOLVED = 0;
export const ZERO = 1;
export const MIXED = 2;
export const FIRST_FILE = 3;

export class IndexPage {
  readonly source = new Uint16Array(UNITS_PER_PAGE);
  /** Where the unit lies in its file, in MiB; for MIXED units, where in `words` its runs are. */
  readonly place = new Uint32Array(UNITS_PER_PAGE);
  /** The records of MIXED units, see unit-runs.ts. */
  words = new Uint32Array(0);
  #used = 0;

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
      words += recordLength(old, this.place[slot]);
    });
    this.words = new Uint32Array(Math.ceil(words * 1.5));
    this.#used = 0;
    for (const slot of inUse) {
      const at = this.place[slot];
      const record = old.subarray(at, at + recordLength(old, at));
      this.words.set(record, this.#used);
      this.place[slot] = this.#used;
      this.#used += record.length;
    }
  }
}
