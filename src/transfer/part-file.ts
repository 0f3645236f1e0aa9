/** The file in which a blob arrives: read from its beginning once, then written behind its end. */
import { open, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:fs';
import { diskFullAt } from '../base/atomic-file.ts';

const PIECE_BYTES = 1 << 20;

export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #sizeBytes: number;
  /** What is to be written, and the write that is under way. */
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  private constructor(path: string, handle: FileHandle, sizeBytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Opens a file, or makes it. One that is longer than the blob can be is of no use and begins again.
   *
   * @throws HyperfileError DISK_FULL
   */
  static async open(path: string, longestBytes: number): Promise<PartFile> {
    try {
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      const { size } = await handle.stat();
      if (size > longestBytes) await handle.truncate(0);
      return new PartFile(path, handle, size > longestBytes ? 0 : size);
    } catch (error) {
      throw diskFullAt(path, error);
    }
  }

  /** How much is there; grows as pieces are added. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What was there when the file was opened. */
  async *read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.#sizeBytes;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#sizeBytes - at));
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  /** Writes pieces together, while the next ones arrive. @throws HyperfileError DISK_FULL */
  async add(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes >= PIECE_BYTES) await this.#writePending();
  }

  /** Waits until everything is written. @throws HyperfileError DISK_FULL */
  async flush(): Promise<void> {
    if (this.#pendingBytes > 0) await this.#writePending();
    await this.#settled();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  async #writePending(): Promise<void> {
    await this.#settled();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#pendingBytes = 0;
    this.#writing = this.#write(pieces).catch((error: unknown) => {
      this.#failure = { error: diskFullAt(this.path, error) };
    });
  }

  /** The size grows with every write, so that it is right whatever a full disk took. */
  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    for (let left = pieces; left.length > 0;) {
      const { bytesWritten } = await this.#handle.writev(left, this.#sizeBytes);
      this.#sizeBytes += bytesWritten;
      left = without(left, bytesWritten);
    }
  }

  async #settled(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Pieces without their first bytes. */
function without(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let taken = bytes;
  for (const [index, piece] of pieces.entries()) {
    if (taken < piece.length) return [piece.subarray(taken), ...pieces.slice(index + 1)];
    taken -= piece.length;
  }
  return [];
}
