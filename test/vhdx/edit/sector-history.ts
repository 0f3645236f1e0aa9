/** What every sector of a disk may hold after a crash: what the last flush made safe, or anything written since. */
import { expect } from 'vitest';

interface WriteEvent {
  readonly startedAt: number;
  readonly id: number;
  readonly firstSector: number;
  readonly endSector: number;
}

/** Zeros have this id. */
const ZEROS = 0;

export class SectorHistory {
  readonly sectorBytes: number;
  readonly sectorCount: number;
  readonly #writes: WriteEvent[] = [];
  /** After so many operations the first so many writes were safe. */
  readonly #flushes: { readonly doneAt: number; readonly writeCount: number }[] = [];
  #nextId = 1;

  constructor(sizeBytes: number, sectorBytes: number) {
    this.sectorBytes = sectorBytes;
    this.sectorCount = sizeBytes / sectorBytes;
  }

  /** Bytes for a write that begins when the file has seen `startedAt` operations; every sector of them says whose it is. */
  write(startedAt: number, firstSector: number, sectorCount: number): Buffer {
    const id = this.#nextId++;
    this.#writes.push({ startedAt, id, firstSector, endSector: firstSector + sectorCount });
    const bytes = Buffer.from(new ArrayBuffer(sectorCount * this.sectorBytes));
    for (let i = 0; i < sectorCount; i++) this.#fill(bytes, i, id, firstSector + i);
    return bytes;
  }

  zero(startedAt: number, firstSector: number, sectorCount: number): void {
    this.#writes.push({ startedAt, id: ZEROS, firstSector, endSector: firstSector + sectorCount });
  }

  flushed(doneAt: number): void {
    this.#flushes.push({ doneAt, writeCount: this.#writes.length });
  }

  /** Checks a whole disk as it was found after a crash behind so many operations. */
  check(found: Uint8Array, operationCount: number): void {
    const safe = this.#flushes.findLast(({ doneAt }) => doneAt <= operationCount)?.writeCount ?? 0;
    const certain = new Uint32Array(this.sectorCount);
    for (const { id, firstSector, endSector } of this.#writes.slice(0, safe)) {
      certain.fill(id, firstSector, endSector);
    }
    const since = this.#writes.slice(safe).filter(({ startedAt }) => startedAt < operationCount);
    const words = new Uint32Array(found.buffer, found.byteOffset, found.length / 4);
    for (let sector = 0; sector < this.sectorCount; sector++) {
      const id = words[sector * this.#sectorWords];
      const mayBe =
        id === certain[sector] ||
        since.some((write) => write.id === id && sector >= write.firstSector && sector < write.endSector);
      if (mayBe && this.#isWhole(words, sector, id)) continue;
      expect.fail(
        `sector ${sector} after ${operationCount} operations has id ${id}, certain was ${certain[sector]}`,
      );
    }
  }

  get #sectorWords(): number {
    return this.sectorBytes / 4;
  }

  #isWhole(words: Uint32Array, sector: number, id: number): boolean {
    const start = sector * this.#sectorWords;
    const place = id === ZEROS ? 0 : sector;
    for (let i = start; i < start + this.#sectorWords; i += 2) {
      if (words[i] !== id || words[i + 1] !== place) return false;
    }
    return true;
  }

  #fill(bytes: Buffer, at: number, id: number, sector: number): void {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at * this.sectorBytes, this.#sectorWords);
    for (let i = 0; i < words.length; i += 2) {
      words[i] = id;
      words[i + 1] = id === ZEROS ? 0 : sector;
    }
  }
}
