/** Takes exact numbers of bytes from a stream, whatever pieces it comes in. */
import type { Readable } from 'node:stream';

export class ByteQueue {
  readonly #pieces: AsyncIterator<Buffer, unknown>;
  readonly #endError: () => Error;
  #piece: Buffer = Buffer.alloc(0);

  /** `endError`: what to throw when the stream ends before what is asked for. */
  constructor(input: Readable, endError: () => Error) {
    this.#pieces = input[Symbol.asyncIterator]() as AsyncIterator<Buffer, unknown>;
    this.#endError = endError;
  }

  async isAtEnd(): Promise<boolean> {
    return this.#piece.length === 0 && !(await this.#next());
  }

  async take(count: number): Promise<Buffer> {
    if (this.#piece.length >= count) return this.#cut(count);
    const parts: Buffer[] = [];
    for (let left = count; left > 0; left -= parts.at(-1)?.length ?? 0) {
      if (await this.isAtEnd()) throw this.#endError();
      parts.push(this.#cut(Math.min(left, this.#piece.length)));
    }
    return Buffer.concat(parts);
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      if (await this.isAtEnd()) throw this.#endError();
      left -= this.#cut(Math.min(left, this.#piece.length)).length;
    }
  }

  #cut(count: number): Buffer {
    const part = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(count);
    return part;
  }

  async #next(): Promise<boolean> {
    for (;;) {
      const result = await this.#pieces.next();
      if (result.done === true) return false;
      this.#piece = result.value;
      if (result.value.length > 0) return true;
    }
  }
}
