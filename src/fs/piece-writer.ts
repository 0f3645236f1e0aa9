/** Writes one file of an archive as its bytes arrive, holes where the archive has some. */
import { closeSync, ftruncateSync } from 'node:fs';
import { writeAll } from './file-content.ts';
import type { SparsePiece } from './tar-entry.ts';

export class PieceWriter {
  /** Open for writing; whoever made this closes it after {@link finish}. */
  readonly descriptor: number;
  readonly #sizeBytes: number;
  readonly #pieces: readonly SparsePiece[] | undefined;
  #piece = 0;
  /** Bytes written of the piece, or of the whole file when it is one. */
  #done = 0;

  constructor(
    descriptor: number,
    file: { readonly sizeBytes: number; readonly pieces?: readonly SparsePiece[] },
  ) {
    this.descriptor = descriptor;
    this.#sizeBytes = file.sizeBytes;
    this.#pieces = file.pieces;
  }

  write(bytes: Buffer): void {
    if (!this.#pieces) {
      writeAll(this.descriptor, bytes, this.#done);
      this.#done += bytes.length;
      return;
    }
    for (let rest = bytes; rest.length > 0;) rest = this.#writePiece(rest);
  }

  finish(): void {
    if (this.#pieces) ftruncateSync(this.descriptor, this.#sizeBytes);
  }

  abandon(): void {
    closeSync(this.descriptor);
  }

  /** Returns what belongs to the next piece. */
  #writePiece(bytes: Buffer): Buffer {
    const [offset, length] = this.#pieces?.[this.#piece] ?? [0, 0];
    if (this.#piece >= (this.#pieces?.length ?? 0)) return Buffer.alloc(0); // more data than the map has room for
    const part = bytes.subarray(0, length - this.#done);
    writeAll(this.descriptor, part, offset + this.#done);
    this.#done += part.length;
    if (this.#done === length) {
      this.#piece++;
      this.#done = 0;
    }
    return bytes.subarray(part.length);
  }
}
