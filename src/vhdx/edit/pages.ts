/**
 * Changes to a file's tables that are not yet in the file: whole pages of 4 KiB, as its log takes them. Tables are read
 * from here while they are being changed.
 */
import { readBytes, type BlockFile } from '../../disk/block-file.ts';
import type { LogChange } from '../log/entry.ts';

export const PAGE_BYTES = 4096;

export class ChangedPages {
  readonly #file: BlockFile;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(file: BlockFile) {
    this.#file = file;
  }

  get count(): number {
    return this.#pages.size;
  }

  /** Changes bytes of the file, once this is written. */
  patch(fileOffset: number, bytes: Uint8Array): void {
    forEachPage(fileOffset, bytes.length, (pageOffset, within, done, count) => {
      this.#page(pageOffset).set(bytes.subarray(done, done + count), within);
    });
  }

  /** Bytes of the file as they will be. */
  read(fileOffset: number, length: number): Uint8Array {
    const bytes = readBytes(this.#file, fileOffset, length);
    forEachPage(fileOffset, length, (pageOffset, within, done, count) => {
      const page = this.#pages.get(pageOffset);
      if (page) bytes.set(page.subarray(within, within + count), done);
    });
    return bytes;
  }

  /** Forgets changes to a range that nothing refers to any more; it lies on whole pages. */
  forget(fileOffset: number, length: number): void {
    for (const pageOffset of this.#pages.keys()) {
      if (pageOffset >= fileOffset && pageOffset < fileOffset + length) this.#pages.delete(pageOffset);
    }
  }

  changes(): LogChange[] {
    return [...this.#pages].map(([fileOffset, bytes]) => ({ kind: 'page', fileOffset, bytes }));
  }

  /** Writes all changes to their places and forgets them. */
  apply(): void {
    for (const [fileOffset, bytes] of this.#pages) this.#file.writeAt(bytes, 0, PAGE_BYTES, fileOffset);
    this.#pages.clear();
  }

  #page(pageOffset: number): Uint8Array {
    let page = this.#pages.get(pageOffset);
    if (page === undefined)
      this.#pages.set(pageOffset, (page = readBytes(this.#file, pageOffset, PAGE_BYTES)));
    return page;
  }
}

function forEachPage(
  fileOffset: number,
  length: number,
  visit: (pageOffset: number, within: number, done: number, count: number) => void,
): void {
  for (let done = 0; done < length;) {
    const at = fileOffset + done;
    const within = at % PAGE_BYTES;
    const count = Math.min(PAGE_BYTES - within, length - done);
    visit(at - within, within, done, count);
    done += count;
  }
}
