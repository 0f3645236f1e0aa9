/** The two headers of a file that is being changed (MS-VHDX section 2.2.2.1): at every moment one of them is whole. */
import type { BlockFile } from '../../disk/block-file.ts';
import { HEADER_OFFSETS, type HeaderRecord } from '../format.ts';
import { encodeHeader } from '../header.ts';

export type HeaderChange = Partial<
  Pick<HeaderRecord, 'fileWriteGuid' | 'dataWriteGuid' | 'logGuid' | 'logVersion' | 'logOffset' | 'logLength'>
>;

export class Headers {
  readonly #file: BlockFile;
  #current: HeaderRecord;
  #slot: number;

  /** `slot` says in which of the two places the current header lies. */
  constructor(file: BlockFile, current: HeaderRecord, slot: number) {
    this.#file = file;
    this.#current = current;
    this.#slot = slot;
  }

  get current(): HeaderRecord {
    return this.#current;
  }

  /**
   * Makes a changed header current, then brings the other up to date too. Durable when it returns; all that was written
   * to the file before is durable as well.
   */
  update(change: HeaderChange): void {
    // What the new header speaks of must not come after it.
    this.#file.flush();
    this.#current = { ...this.#current, ...change };
    for (let copy = 0; copy < HEADER_OFFSETS.length; copy++) {
      const next = { ...this.#current, sequenceNumber: this.#current.sequenceNumber + 1n };
      const slot = 1 - this.#slot;
      const bytes = encodeHeader(next);
      this.#file.writeAt(bytes, 0, bytes.length, HEADER_OFFSETS[slot]);
      this.#file.flush();
      this.#current = next;
      this.#slot = slot;
    }
  }
}
