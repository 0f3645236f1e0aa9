/**
 * A megabyte that several layers share, as runs of sectors. Every byte of a unit lies at the same place within the
 * megabyte of whichever file holds it, so a run is only where it starts, its source and that file's megabyte: two
 * 32-bit words.
 */
const START_BITS = 12;
const START_MASK = (1 << START_BITS) - 1;

/** First sector of run `i`. */
export function runStart(runs: Uint32Array, i: number): number {
  return runs[2 * i] & START_MASK;
}

/** One past the last sector of run `i`; past the unit's end for the last run. */
export function runEndOf(runs: Uint32Array, i: number): number {
  return 2 * i + 2 < runs.length ? runStart(runs, i + 1) : START_MASK;
}

export function runSource(runs: Uint32Array, i: number): number {
  return runs[2 * i] >>> START_BITS;
}

/** Where the unit lies in the file of run `i`, in MiB. */
export function runFileMb(runs: Uint32Array, i: number): number {
  return runs[2 * i + 1];
}

/** Scratch space in which one unit is put together, topmost layer first. */
export class MixedUnit {
  readonly sectorCount: number;
  /** 0 where nothing was filled in yet. */
  readonly #source: Uint16Array;
  readonly #fileMb: Uint32Array;
  #filled = 0;

  constructor(sectorCount: number) {
    this.sectorCount = sectorCount;
    this.#source = new Uint16Array(sectorCount);
    this.#fileMb = new Uint32Array(sectorCount);
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
    for (let sector = start; sector < end; sector++) {
      if (this.#source[sector] !== 0) continue;
      this.#source[sector] = source;
      this.#fileMb[sector] = fileMb;
      this.#filled++;
    }
  }

  /** Fills what is still free from an encoded unit. */
  fillFrom(runs: Uint32Array): void {
    for (let i = 0; 2 * i < runs.length; i++) {
      const end = Math.min(this.sectorCount, runEndOf(runs, i));
      this.fill(runStart(runs, i), end, runSource(runs, i), runFileMb(runs, i));
    }
  }

  /** The one source of a full unit, when there is only one. */
  single(): { source: number; fileMb: number } | undefined {
    if (this.#runEnd(0) !== this.sectorCount) return undefined;
    return { source: this.#source[0], fileMb: this.#fileMb[0] };
  }

  /** A full unit as runs. */
  encode(): Uint32Array {
    const runs: number[] = [];
    for (let start = 0; start < this.sectorCount; start = this.#runEnd(start)) {
      runs.push(((this.#source[start] << START_BITS) | start) >>> 0, this.#fileMb[start]);
    }
    return Uint32Array.from(runs);
  }

  #runEnd(start: number): number {
    let end = start + 1;
    while (end < this.sectorCount && this.#source[end] === this.#source[start]) end++;
    return end;
  }
}
