/** A file in memory that stores only the 64 KiB pieces somebody wrote to. */
import { HyperfileError } from '../base/error.ts';
import type { BlockFile } from './block-file.ts';

const PIECE_BYTES = 64 * 1024;

export class MemoryFile implements BlockFile {
  readonly path: string;
  readonly #pieces = new Map<number, Uint8Array>();
  #sizeBytes: number;

  constructor(path = 'memory', sizeBytes = 0) {
    this.path = path;
    this.#sizeBytes = sizeBytes;
  }

  readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    const end = fileOffset + length;
    if (end > this.#sizeBytes) throw new HyperfileError('DISK_CUT_SHORT', { data: { path: this.path, end } });
    forEachPiece(fileOffset, length, (index, within, done, count) => {
      const piece = this.#pieces.get(index);
      if (piece === undefined) target.fill(0, at + done, at + done + count);
      else target.set(piece.subarray(within, within + count), at + done);
    });
  }

  writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    forEachPiece(fileOffset, length, (index, within, done, count) => {
      let piece = this.#pieces.get(index);
      if (piece === undefined) this.#pieces.set(index, (piece = new Uint8Array(PIECE_BYTES)));
      piece.set(source.subarray(at + done, at + done + count), within);
    });
    this.#sizeBytes = Math.max(this.#sizeBytes, fileOffset + length);
  }

  sizeBytes(): number {
    return this.#sizeBytes;
  }

  truncate(sizeBytes: number): void {
    const last = Math.floor(sizeBytes / PIECE_BYTES);
    for (const index of [...this.#pieces.keys()]) if (index > last) this.#pieces.delete(index);
    this.#pieces.get(last)?.fill(0, sizeBytes % PIECE_BYTES);
    this.#sizeBytes = sizeBytes;
  }

  flush(): void {}

  close(): void {}
}

function forEachPiece(
  fileOffset: number,
  length: number,
  visit: (index: number, within: number, done: number, count: number) => void,
): void {
  for (let done = 0; done < length;) {
    const index = Math.floor((fileOffset + done) / PIECE_BYTES);
    const within = fileOffset + done - index * PIECE_BYTES;
    const count = Math.min(PIECE_BYTES - within, length - done);
    visit(index, within, done, count);
    done += count;
  }
}
