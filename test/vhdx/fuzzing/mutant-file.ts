/**
 * A copy of a file in memory, cheap to make and to change, that watches how it is used: no read may leave the file once it
 * is open, none may be senseless, and there must be an end to them.
 */
import { HyperfileError } from '../../../src/base/error.ts';
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { isZero } from '../../../src/disk/zeros.ts';

const PAGE_BYTES = 4096;
/** So much work one case may take: some hundred times what a sound file takes. */
const MAX_CALLS = 50_000;
const MAX_BYTES = 1024 ** 3;

/** Something that must never happen, whatever a file holds. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The bytes of a file: pages that are not zero, and its length. */
export interface Image {
  readonly pages: ReadonlyMap<number, Uint8Array>;
  readonly sizeBytes: number;
}

export class MutantFile implements BlockFile {
  readonly path = 'mutant.vhdx';
  readonly #image: Image;
  readonly #own = new Map<number, Uint8Array>();
  #sizeBytes: number;
  /** From here on every read must lie in the file: whoever opened it knows how long it is. */
  isOpen = false;
  calls = 0;
  bytes = 0;

  constructor(image: Image) {
    this.#image = image;
    this.#sizeBytes = image.sizeBytes;
  }

  /** The file as it is now. */
  image(): Image {
    const pages = new Map(this.#image.pages);
    for (const [index, page] of this.#own) pages.set(index, page);
    return { pages, sizeBytes: this.#sizeBytes };
  }

  readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    this.#watch('read', target, at, length, fileOffset);
    const end = fileOffset + length;
    if (end > this.#sizeBytes) {
      if (this.isOpen) throw new Violation(`read past the end: ${length} bytes at ${fileOffset}`);
      throw new HyperfileError('DISK_CUT_SHORT', { data: { path: this.path, end } });
    }
    for (let done = 0; done < length;) {
      const within = (fileOffset + done) % PAGE_BYTES;
      const index = (fileOffset + done - within) / PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, length - done);
      const page = this.#own.get(index) ?? this.#image.pages.get(index);
      if (page === undefined) target.fill(0, at + done, at + done + count);
      else target.set(count === PAGE_BYTES ? page : page.subarray(within, within + count), at + done);
      done += count;
    }
  }

  writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    this.#watch('write', source, at, length, fileOffset);
    for (let done = 0; done < length;) {
      const within = (fileOffset + done) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, length - done);
      const page = this.#ownPage((fileOffset + done - within) / PAGE_BYTES);
      page.set(source.subarray(at + done, at + done + count), within);
      done += count;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, fileOffset + length);
  }

  #ownPage(index: number): Uint8Array {
    let page = this.#own.get(index);
    if (page !== undefined) return page;
    const before = this.#image.pages.get(index);
    this.#own.set(index, (page = before ? new Uint8Array(before) : new Uint8Array(PAGE_BYTES)));
    return page;
  }

  #watch(what: string, bytes: Uint8Array, at: number, length: number, fileOffset: number): void {
    const numbers = [at, length, fileOffset];
    const isSensible = numbers.every((value) => Number.isSafeInteger(value) && value >= 0);
    if (!isSensible || at + length > bytes.length) {
      throw new Violation(`${what} ${length} bytes at ${fileOffset} to ${at} of ${bytes.length}`);
    }
    this.calls++;
    this.bytes += length;
    if (this.calls > MAX_CALLS || this.bytes > MAX_BYTES) {
      throw new Violation(`no end: ${this.calls} calls for ${this.bytes} bytes`);
    }
  }

  sizeBytes(): number {
    return this.#sizeBytes;
  }

  truncate(sizeBytes: number): void {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Violation(`truncate to ${sizeBytes}`);
    // By what is there: a file may end where a broken field says, terabytes away.
    for (const index of new Set([...this.#own.keys(), ...this.#image.pages.keys()])) {
      const start = sizeBytes - index * PAGE_BYTES;
      if (start < PAGE_BYTES) this.#ownPage(index).fill(0, Math.max(0, start));
    }
    this.#sizeBytes = sizeBytes;
  }

  flush(): void {}

  close(): void {}
}

/** What a file holds, as an image for many copies. */
export function imageOf(file: BlockFile): Image {
  const pages = new Map<number, Uint8Array>();
  const sizeBytes = file.sizeBytes();
  for (let at = 0; at < sizeBytes; at += PAGE_BYTES) {
    const page = new Uint8Array(PAGE_BYTES);
    file.readAt(page, 0, Math.min(PAGE_BYTES, sizeBytes - at), at);
    if (!isZero(page, 0, PAGE_BYTES)) pages.set(at / PAGE_BYTES, page);
  }
  return { pages, sizeBytes };
}
