/**
 * The answer to one request: `struct fuse_out_header` (16 bytes), then the payload. A disk reads straight into the
 * payload's place, so data is copied once on its way to the kernel.
 */
import { MAX_TRANSFER_BYTES, type RequestBuffer } from './request.ts';

export const OUT_HEADER_BYTES = 16;
const PAGE_BYTES = 4096;
const WORD_VALUES = 0x1_0000_0000;

export class ReplyBuffer {
  readonly bytes = Buffer.alloc(MAX_TRANSFER_BYTES + PAGE_BYTES);
  readonly #words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length / 4);
  readonly #signed = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length / 4);
  readonly #readData: Uint8Array[] = [];

  /**
   * Writes the header of the answer to a request and returns the answer's whole length.
   *
   * @param result bytes of payload, or a negative error number (then there is no payload)
   */
  finish(request: RequestBuffer, result: number): number {
    const length = result < 0 ? OUT_HEADER_BYTES : OUT_HEADER_BYTES + result;
    this.#words[0] = length;
    this.#signed[1] = result < 0 ? result : 0;
    this.#words[2] = request.uniqueLow;
    this.#words[3] = request.uniqueHigh;
    return length;
  }

  /** Sets a 32-bit field at a byte offset (a multiple of 4) into the payload. */
  u32(at: number, value: number): void {
    this.#words[(OUT_HEADER_BYTES + at) >>> 2] = value;
  }

  /** Sets a 64-bit field. */
  u64(at: number, value: number): void {
    const word = (OUT_HEADER_BYTES + at) >>> 2;
    this.#words[word] = value;
    this.#words[word + 1] = Math.floor(value / WORD_VALUES);
  }

  /** Zeroes the start of the payload, for structures that are set field by field. */
  clear(byteCount: number): void {
    this.bytes.fill(0, OUT_HEADER_BYTES, OUT_HEADER_BYTES + byteCount);
  }

  /** The payload's place, for `length` bytes. Views of whole pages are made once and kept. */
  payload(length: number): Uint8Array {
    if (length % PAGE_BYTES !== 0) return this.bytes.subarray(OUT_HEADER_BYTES, OUT_HEADER_BYTES + length);
    return (this.#readData[length / PAGE_BYTES] ??= this.bytes.subarray(
      OUT_HEADER_BYTES,
      OUT_HEADER_BYTES + length,
    ));
  }
}
