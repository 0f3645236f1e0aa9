/** The log as a ring of sectors: what runs past its end goes on at its start. */
import type { BlockFile } from '../../disk/block-file.ts';
import { LOG_SECTOR_BYTES, MIB } from '../format.ts';
import type { LogRules, SectorReader } from './entry.ts';

/** So much is read at once. */
const WINDOW_BYTES = MIB;

export class LogRing {
  readonly length: number;
  readonly #file: BlockFile;
  readonly #logOffset: number;
  readonly #window: Uint8Array;
  #windowStart = 0;
  #windowEnd = 0;

  constructor(file: BlockFile, { logOffset, logLength }: Pick<LogRules, 'logOffset' | 'logLength'>) {
    this.#file = file;
    this.#logOffset = logOffset;
    this.length = logLength;
    this.#window = new Uint8Array(Math.min(WINDOW_BYTES, logLength));
  }

  /** The sector at `offset`, counted on past the end of the ring; good until the next call. */
  sector(offset: number): Uint8Array {
    const start = offset % this.length;
    if (start < this.#windowStart || start >= this.#windowEnd) {
      // Empty, should the reading fail.
      this.#windowEnd = 0;
      const bytes = Math.min(this.#window.length, this.length - start);
      this.#file.readAt(this.#window, 0, bytes, this.#logOffset + start);
      [this.#windowStart, this.#windowEnd] = [start, start + bytes];
    }
    const within = start - this.#windowStart;
    return this.#window.subarray(within, within + LOG_SECTOR_BYTES);
  }

  /** The sectors from `offset` on, for an entry that begins there. */
  from(offset: number): SectorReader {
    return (index) => this.sector(offset + index * LOG_SECTOR_BYTES);
  }
}
