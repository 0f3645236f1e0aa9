/** The log as a ring of sectors: what runs past its end goes on at its start. */
import { readBytes, type BlockFile } from '../../disk/block-file.ts';
import { LOG_SECTOR_BYTES, MIB } from '../format.ts';
import type { LogRules, SectorReader } from './entry.ts';

/** So much is read at once. */
const WINDOW_BYTES = MIB;

export class LogRing {
  readonly length: number;
  readonly #file: BlockFile;
  readonly #logOffset: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;

  constructor(file: BlockFile, { logOffset, logLength }: Pick<LogRules, 'logOffset' | 'logLength'>) {
    this.#file = file;
    this.#logOffset = logOffset;
    this.length = logLength;
  }

  /** The sector at `offset`, counted on past the end of the ring; good until the next call. */
  sector(offset: number): Uint8Array {
    const start = offset % this.length;
    if (start < this.#windowStart || start >= this.#windowStart + this.#window.length) {
      const bytes = Math.min(WINDOW_BYTES, this.length - start);
      this.#window = readBytes(this.#file, this.#logOffset + start, bytes);
      this.#windowStart = start;
    }
    const within = start - this.#windowStart;
    return this.#window.subarray(within, within + LOG_SECTOR_BYTES);
  }

  /** The sectors from `offset` on, for an entry that begins there. */
  from(offset: number): SectorReader {
    return (index) => this.sector(offset + index * LOG_SECTOR_BYTES);
  }
}
