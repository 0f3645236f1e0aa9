/**
 * One request of the kernel, where it was read: `struct fuse_in_header` (40 bytes), then the operation's own
 * structure, then data. Fields are taken from fixed places, so that reading and writing a disk allocates nothing.
 * The interface is in the machine's own byte order; every machine this runs on is little-endian.
 */

/** What one READ or WRITE may carry. The kernel's limit is 256 pages. */
export const MAX_TRANSFER_BYTES = 1024 * 1024;

export const IN_HEADER_BYTES = 40;
/** `struct fuse_write_in`; the data follows it. */
export const WRITE_HEADER_BYTES = 40;
const WRITE_DATA_AT = IN_HEADER_BYTES + WRITE_HEADER_BYTES;
const PAGE_BYTES = 4096;
const WORD_VALUES = 0x1_0000_0000;

export class RequestBuffer {
  /** The kernel insists on room for the largest WRITE. */
  readonly bytes = Buffer.alloc(MAX_TRANSFER_BYTES + PAGE_BYTES);
  /** How many bytes were read; set by whoever filled {@link bytes}. */
  length = 0;
  readonly #words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length / 4);
  readonly #writeData: Uint8Array[] = [];

  /** True when the kernel's own length agrees with what was read. */
  get isWhole(): boolean {
    return this.length >= IN_HEADER_BYTES && this.#words[0] === this.length;
  }

  get opcode(): number {
    return this.#words[1];
  }

  /** The request's number (64 bits), as the two words that its answer repeats. */
  get uniqueLow(): number {
    return this.#words[2];
  }

  get uniqueHigh(): number {
    return this.#words[3];
  }

  get nodeId(): number {
    return this.u64(16);
  }

  get bodyBytes(): number {
    return this.length - IN_HEADER_BYTES;
  }

  /** A 32-bit field at a byte offset (a multiple of 4) from the start of the request. */
  u32(at: number): number {
    return this.#words[at >>> 2];
  }

  /** A 64-bit field; exact up to 2^53, which no offset of a disk passes. */
  u64(at: number): number {
    const word = at >>> 2;
    return this.#words[word + 1] * WORD_VALUES + this.#words[word];
  }

  /** The bytes a WRITE brings. Views of whole pages are made once and kept. */
  writeData(length: number): Uint8Array {
    if (length % PAGE_BYTES !== 0) return this.bytes.subarray(WRITE_DATA_AT, WRITE_DATA_AT + length);
    return (this.#writeData[length / PAGE_BYTES] ??= this.bytes.subarray(
      WRITE_DATA_AT,
      WRITE_DATA_AT + length,
    ));
  }

  /** The zero-ended name that the whole body of LOOKUP is. */
  name(): string {
    const body = this.bytes.subarray(IN_HEADER_BYTES, this.length);
    const end = body.indexOf(0);
    return body.toString('utf8', 0, end === -1 ? body.length : end);
  }
}
