/** The file in which a blob arrives: read from its beginning once, then written behind its end. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { diskFullAt } from '../base/atomic-file.ts';

const PIECE_BYTES = 512 * 1024;

export class PartFile {
  readonly path: string;
  readonly #fd: number;
  #sizeBytes: number;

  private constructor(path: string, fd: number, sizeBytes: number) {
    this.path = path;
    this.#fd = fd;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Opens a file, or makes it. One that is longer than the blob can be is of no use and begins again.
   *
   * @throws HyperfileError DISK_FULL
   */
  static open(path: string, longestBytes: number): PartFile {
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      const { size } = fstatSync(fd);
      if (size > longestBytes) ftruncateSync(fd, 0);
      return new PartFile(path, fd, size > longestBytes ? 0 : size);
    } catch (error) {
      throw diskFullAt(path, error);
    }
  }

  /** How much is there; grows as pieces are added. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What was there when the file was opened, in pieces of memory of their own. */
  *read(): Generator<Uint8Array> {
    for (let at = 0; at < this.#sizeBytes;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, this.#sizeBytes - at));
      const bytesRead = readSync(this.#fd, piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  /** The size grows with every write, so that it is right whatever a full disk took. @throws HyperfileError DISK_FULL */
  add(piece: Uint8Array): void {
    try {
      for (let done = 0; done < piece.length;) {
        const bytesWritten = writeSync(this.#fd, piece, done, piece.length - done, this.#sizeBytes);
        done += bytesWritten;
        this.#sizeBytes += bytesWritten;
      }
    } catch (error) {
      throw diskFullAt(this.path, error);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
