/**
 * How a megabyte that several layers share is kept. Every byte of it lies at the same place within the megabyte of
 * whichever file holds it, so a run of sectors is two 32-bit words: its source with its first sector, and its file's
 * megabyte. A record is the number of runs, the runs in order, and one more word where a run after the last would start.
 * Records lie in a larger array; `at` is where one begins.
 */
const START_BITS = 12;
const START_MASK = (1 << START_BITS) - 1;

export function runCount(words: Uint32Array, at: number): number {
  return words[at];
}

/** First sector of run `i`. */
export function runStart(words: Uint32Array, at: number, i: number): number {
  return words[at + 1 + 2 * i] & START_MASK;
}

export function runSource(words: Uint32Array, at: number, i: number): number {
  return words[at + 1 + 2 * i] >>> START_BITS;
}

/** Where the unit lies in the file of run `i`, in MiB. */
export function runFileMb(words: Uint32Array, at: number, i: number): number {
  return words[at + 2 + 2 * i];
}

/** Words of a record. */
export function recordLength(words: Uint32Array, at: number): number {
  return 2 + 2 * runCount(words, at);
}

/**
 * The run that holds a sector. Runs are mostly of like length, so the search begins where the run would be if they all
 * were, and leaves from there in growing steps: it touches one or two cache lines instead of a binary search's many.
 */
export function findRun(words: Uint32Array, at: number, sector: number, sectorCount: number): number {
  const count = runCount(words, at);
  let low = Math.floor((sector * count) / sectorCount);
  let high = low + 1;
  for (let step = 1; runStart(words, at, low) > sector; step *= 2) {
    high = low;
    low = Math.max(0, low - step);
  }
  for (let step = 1; high < count && runStart(words, at, high) <= sector; step *= 2) {
    low = high;
    high = Math.min(count, high + step);
  }
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (runStart(words, at, middle) <= sector) low = middle;
    else high = middle;
  }
  return low;
}

/** Scratch space in which one unit is put together, topmost layer first. */
export class UnitScratch {
  readonly sectorCount: number;
  /** 0 where nothing was filled in yet. */
  readonly #source: Uint16Array;
  readonly #fileMb: Uint32Array;
  readonly #record: Uint32Array;
  #filled = 0;

  constructor(sectorCount: number) {
    this.sectorCount = sectorCount;
    this.#source = new Uint16Array(sectorCount);
    this.#fileMb = new Uint32Array(sectorCount);
    this.#record = new Uint32Array(2 + 2 * sectorCount);
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

  /** Fills what is still free from a record. */
  fillFrom(words: Uint32Array, at: number): void {
    for (let i = 0; i < runCount(words, at); i++) {
      const end = runStart(words, at, i + 1);
      this.fill(runStart(words, at, i), end, runSource(words, at, i), runFileMb(words, at, i));
    }
  }

  /** The one source of a full unit, when there is only one. */
  single(): { source: number; fileMb: number } | undefined {
    if (this.#runEnd(0) !== this.sectorCount) return undefined;
    return { source: this.#source[0], fileMb: this.#fileMb[0] };
  }

  /** A full unit as a record, good until the next one. */
  record(): Uint32Array {
    let words = 1;
    for (let start = 0; start < this.sectorCount; start = this.#runEnd(start)) {
      this.#record[words++] = (this.#source[start] << START_BITS) | start;
      this.#record[words++] = this.#fileMb[start];
    }
    this.#record[0] = (words - 1) / 2;
    this.#record[words++] = this.sectorCount;
    return this.#record.subarray(0, words);
  }

  #runEnd(start: number): number {
    let end = start + 1;
    while (end < this.sectorCount && this.#source[end] === this.#source[start]) end++;
    return end;
  }
}
