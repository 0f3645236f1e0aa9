/**
 * The payload area of a file that is being written: hands out places for blocks and remembers stale sectors, those whose
 * bytes in the file are old data that nobody may see again. All other bytes that were not written are holes and read as
 * zeros; so a fresh block needs no filling, and a place that is used again only where it is stale.
 */
import { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { ZEROS } from '../disk/zeros.ts';
import { MIB } from './format.ts';
import type { Geometry } from './geometry.ts';

/** The file grows in steps: one call to the system for many blocks. */
const GROWTH_MB = 64;

export class BlockSpace {
  readonly #file: BlockFile;
  readonly #blockMb: number;
  readonly #sectorCount: number;
  readonly #sectorBytes: number;
  readonly #startMb: number;
  /** End of the last place handed out. */
  #endMb: number;
  #grownMb = 0;
  readonly #free: number[] = [];
  readonly #stale = new Map<number, Bitmap>();

  constructor(file: BlockFile, geometry: Geometry, startMb: number) {
    this.#file = file;
    this.#blockMb = geometry.blockBytes / MIB;
    this.#sectorCount = geometry.sectorsPerBlock;
    this.#sectorBytes = geometry.logicalSectorBytes;
    this.#startMb = startMb;
    this.#endMb = startMb;
  }

  get endMb(): number {
    return this.#endMb;
  }

  /** A place for a block, in MiB from the start of the file. */
  allocate(): number {
    const used = this.#free.pop();
    if (used !== undefined) return used;
    const fileMb = this.#endMb;
    const endMb = fileMb + this.#blockMb;
    if (endMb > this.#grownMb) {
      this.#file.truncate((endMb + GROWTH_MB) * MIB);
      this.#grownMb = endMb + GROWTH_MB;
    }
    this.#endMb = endMb;
    return fileMb;
  }

  /** A place, after `fill` wrote to it what belongs there. */
  allocateWith(fill: (fileMb: number) => void): number {
    const fileMb = this.allocate();
    try {
      fill(fileMb);
      return fileMb;
    } catch (error) {
      this.release(fileMb);
      throw error;
    }
  }

  /** Takes a place back; `live` are the sectors that hold data, all of them by default. */
  release(fileMb: number, live?: Bitmap): void {
    const stale = this.#staleAt(fileMb);
    if (live) stale.union(live);
    else stale.setRange(0, this.#sectorCount);
    this.#free.push(fileMb);
  }

  /** The data of these sectors no longer count. */
  abandon(fileMb: number, start: number, end: number): void {
    this.#staleAt(fileMb).setRange(start, end);
  }

  /** These sectors were written. */
  wrote(fileMb: number, start: number, end: number): void {
    if (this.#stale.size !== 0) this.#stale.get(fileMb)?.clearRange(start, end);
  }

  /** Makes stale sectors of a range read as zeros. */
  clean(fileMb: number, start: number, end: number): void {
    const stale = this.#stale.get(fileMb);
    if (stale === undefined) return;
    for (const run of stale.runs(start, end)) this.writeZeros(fileMb, run.start, run.end);
    stale.clearRange(start, end);
  }

  writeZeros(fileMb: number, start: number, end: number): void {
    const from = fileMb * MIB + start * this.#sectorBytes;
    const length = (end - start) * this.#sectorBytes;
    for (let done = 0; done < length; done += ZEROS.length) {
      this.#file.writeAt(ZEROS, 0, Math.min(ZEROS.length, length - done), from + done);
    }
  }

  /** Free places in front of the end, the first one first. Places at the end are given up; {@link cut} must follow. */
  holes(): number[] {
    const free = new Set(this.#free);
    while (this.#endMb > this.#startMb && free.delete(this.#endMb - this.#blockMb)) this.#shrink();
    this.#free.splice(0, this.#free.length, ...free);
    return [...free].sort((a, b) => a - b);
  }

  /** The last place moved to the front: it is the new end, and `hole` is in use. */
  moved(hole: number): void {
    this.#free.splice(this.#free.indexOf(hole), 1);
    this.#shrink();
  }

  #shrink(): void {
    this.#endMb -= this.#blockMb;
  }

  /** Ends the file behind the last place in use: whatever lay there is a hole from now on. */
  cut(): void {
    this.#file.truncate(this.#endMb * MIB);
    this.#grownMb = this.#endMb;
    for (const fileMb of this.#stale.keys()) if (fileMb >= this.#endMb) this.#stale.delete(fileMb);
  }

  /** Stale bytes in front of the end. */
  staleBytes(): number {
    let sectors = 0;
    for (const [fileMb, stale] of this.#stale) if (fileMb < this.#endMb) sectors += stale.count;
    return sectors * this.#sectorBytes;
  }

  /** Makes everything stale read as zeros. */
  cleanAll(): void {
    for (const fileMb of this.#stale.keys()) this.clean(fileMb, 0, this.#sectorCount);
  }

  #staleAt(fileMb: number): Bitmap {
    let stale = this.#stale.get(fileMb);
    if (stale === undefined) this.#stale.set(fileMb, (stale = new Bitmap(this.#sectorCount)));
    return stale;
  }
}
