/**
 * Appends entries to a file's log, a ring of 4 KiB sectors (MS-VHDX section 2.3). Of the entries in the ring only the last
 * one is ever needed: whoever appends has made durable what the one before it changed. So every entry is its own tail, and
 * the next one may take any sectors but those of the last.
 */
import type { BlockFile } from '../../disk/block-file.ts';
import { MIB } from '../format.ts';
import { encodeLogEntry, type LogChange } from './entry.ts';

/** Sizes of the file that an entry vouches for, in bytes. */
export interface LoggedFileSize {
  /** The file is known to be durably this long. */
  readonly flushedFileBytes: number;
  /** All that the tables name fits into this length. */
  readonly lastFileBytes: number;
}

/** The shortest ring (1 MiB) takes the last entry and a new one of so many pages each, with room to spare. */
export const MAX_ENTRY_PAGES = 120;

export class LogWriter {
  readonly logGuid: string;
  readonly #file: BlockFile;
  readonly #logOffset: number;
  readonly #logLength: number;
  /** Where in the ring the next entry goes. */
  #head = 0;
  #sequenceNumber = 1n;

  /** `logOffset` and `logLength` as in the header. */
  constructor(file: BlockFile, logOffset: number, logLength: number, logGuid: string) {
    if (logLength < MIB) throw new Error('a log of less than a megabyte passed the checks');
    this.#file = file;
    this.#logOffset = logOffset;
    this.#logLength = logLength;
    this.logGuid = logGuid;
  }

  /** Writes one entry. It counts once it is durable: flush before anything it changes is written in place. */
  append(changes: readonly LogChange[], size: LoggedFileSize): void {
    const entry = encodeLogEntry({
      sequenceNumber: this.#sequenceNumber++,
      tailOffset: this.#head,
      logGuid: this.logGuid,
      ...size,
      changes,
    });
    const untilEnd = Math.min(entry.length, this.#logLength - this.#head);
    this.#file.writeAt(entry, 0, untilEnd, this.#logOffset + this.#head);
    this.#file.writeAt(entry, untilEnd, entry.length - untilEnd, this.#logOffset);
    this.#head = (this.#head + entry.length) % this.#logLength;
  }
}
