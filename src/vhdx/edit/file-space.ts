/**
 * Which megabytes of a file are in use, for a file that is changed in place. A place that is given up is handed out again
 * only after the change that gave it up is durable: until then a crash brings its old owner back.
 */
import type { Bitmap } from '../../bytes/bitmap.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { ZEROS } from '../../disk/zeros.ts';
import { MIB } from '../format.ts';

/** A stretch of the file, in MiB. */
export interface Place {
  readonly fileMb: number;
  readonly countMb: number;
}

export interface NewPlace extends Place {
  /** The bytes there are zeros. */
  readonly isFresh: boolean;
}

export class FileSpace {
  readonly #file: BlockFile;
  /** Has room for more than the file, so that it seldom has to grow. */
  #used: Bitmap;
  #endMb: number;
  /** Size of a place -> nothing that large is free before. */
  readonly #searchFrom = new Map<number, number>();
  readonly #givenUp: Place[] = [];

  /** `used` has a bit for every megabyte of the file; it is taken over. */
  constructor(file: BlockFile, used: Bitmap) {
    this.#file = file;
    this.#used = used;
    this.#endMb = used.length;
  }

  /** End of the file, in MiB. */
  get endMb(): number {
    return this.#endMb;
  }

  /** How much is in use, in MiB. */
  usedMb(): number {
    return this.#used.count;
  }

  /** End of the last place in use, in MiB. */
  usedEndMb(): number {
    let endMb = 0;
    for (const run of this.#used.runs(0, this.#endMb)) endMb = run.end;
    return endMb;
  }

  /** The lowest free place, or one at the end of the file, which grows for it. */
  allocate(countMb: number): NewPlace {
    const hole = this.findHole(countMb, this.#endMb);
    const fileMb = hole ?? this.#endMb;
    if (hole === undefined) this.#grow(fileMb + countMb);
    this.#used.setRange(fileMb, fileMb + countMb);
    return { fileMb, countMb, isFresh: hole === undefined };
  }

  /** Takes the lowest free place of this size that ends at or before `limitMb`, if there is one. */
  allocateBelow(countMb: number, limitMb: number): NewPlace | undefined {
    const fileMb = this.findHole(countMb, limitMb);
    if (fileMb === undefined) return undefined;
    this.#used.setRange(fileMb, fileMb + countMb);
    return { fileMb, countMb, isFresh: false };
  }

  /** Where the lowest free place of this size begins that ends at or before `limitMb`. */
  findHole(countMb: number, limitMb: number): number | undefined {
    const from = this.#searchFrom.get(countMb) ?? 0;
    for (let start = from; start < limitMb;) {
      const end = this.#used.runEnd(start, limitMb);
      if (!this.#used.has(start) && end - start >= countMb) {
        this.#searchFrom.set(countMb, start);
        return start;
      }
      start = end;
    }
    // A limit that is not the end of the file leaves it open what lies behind.
    if (limitMb === this.#endMb) this.#searchFrom.set(countMb, Math.max(from, limitMb - countMb + 1));
    return undefined;
  }

  /** Gives a place up; {@link settle} makes it free. */
  giveUp(place: Place): void {
    this.#givenUp.push(place);
  }

  /** Frees a place that no table has named yet. */
  takeBack({ fileMb, countMb }: Place): void {
    this.#used.clearRange(fileMb, fileMb + countMb);
    this.#searchFrom.clear();
  }

  /** What was given up is free from now on: tables that do not name it are durable. */
  settle(): void {
    for (const place of this.#givenUp.splice(0)) this.takeBack(place);
  }

  /** The file ends at `endMb` from now on, behind everything that is in use. */
  cut(endMb: number): void {
    this.#file.truncate(endMb * MIB);
    this.#endMb = endMb;
    this.#searchFrom.clear();
  }

  /** Makes a place read as zeros. */
  clean({ fileMb, countMb }: Place): void {
    for (let i = 0; i < countMb; i++) this.#file.writeAt(ZEROS, 0, MIB, (fileMb + i) * MIB);
  }

  #grow(endMb: number): void {
    this.#file.truncate(endMb * MIB);
    this.#endMb = endMb;
    if (endMb <= this.#used.length) return;
    this.#used = this.#used.extended(Math.max(endMb, this.#used.length * 2));
  }
}
