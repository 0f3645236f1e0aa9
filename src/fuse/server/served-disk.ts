/**
 * One disk as the kernel sees it: reads, writes and holes, each answered with a byte count or a negative error number.
 * The kernel only understands numbers, so the reason of the first failure is kept for the next control request.
 */
import { isDiskFull, toFailure, fromFailure, type FailureData } from '../control-message.ts';
import {
  EINVAL,
  EIO,
  ENOSPC,
  EOPNOTSUPP,
  EROFS,
  FALLOCATE_KEEP_SIZE,
  FALLOCATE_PUNCH_HOLE,
  FALLOCATE_ZERO_RANGE,
} from '../protocol/constants.ts';
import type { DiskRequest, OpenDisk, OpenedDisk } from './engine.ts';

export class ServedDisk {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly #opened: OpenedDisk;
  /** The file that writes go to, for errors about it. */
  #path: string;
  #sealed = false;
  #failure: FailureData | undefined;

  constructor(open: OpenDisk, request: DiskRequest) {
    this.#opened = open(request);
    this.#path = request.sandboxPath ?? request.chain[0] ?? '';
    this.sizeBytes = this.#opened.disk.sizeBytes;
    this.logicalSectorBytes = this.#opened.disk.logicalSectorBytes;
  }

  get failure(): FailureData | undefined {
    return this.#failure;
  }

  /** Bytes that a read or write at `offset` may cover; a read past the end is short, as in any file. */
  clip(offset: number, length: number): number {
    return Math.max(0, Math.min(length, this.sizeBytes - offset));
  }

  read(target: Uint8Array, offset: number): number {
    if (target.length === 0) return 0;
    try {
      this.#opened.disk.read(target, offset);
      return target.length;
    } catch (error) {
      return this.#fail(error);
    }
  }

  write(source: Uint8Array, offset: number): number {
    if (!this.#opened.writable || this.#sealed) return -EROFS;
    if (offset + source.length > this.sizeBytes) return -ENOSPC;
    try {
      this.#opened.disk.write(source, offset);
      return source.length;
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Discards and writes of zeros both make the range read as zeros. */
  allocate(mode: number, offset: number, length: number): number {
    if (!this.#opened.writable || this.#sealed) return -EROFS;
    const kind = mode & ~FALLOCATE_KEEP_SIZE;
    if (kind !== FALLOCATE_PUNCH_HOLE && kind !== FALLOCATE_ZERO_RANGE) return -EOPNOTSUPP;
    const clipped = this.clip(offset, length);
    if (clipped === 0) return -EINVAL;
    try {
      this.#opened.disk.zero(offset, clipped);
      return 0;
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** @throws HyperfileError the first failure of a read or write, or why the seal itself failed. */
  seal(nextPath?: string): void {
    if (this.#failure) throw fromFailure(this.#failure);
    if (!this.#opened.writable) return;
    try {
      this.#opened.disk.seal(nextPath);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    if (nextPath === undefined) this.#sealed = true;
    else this.#path = nextPath;
  }

  close(): void {
    this.#opened.disk.close();
  }

  #fail(error: unknown): number {
    this.#failure ??= toFailure(error, this.#path);
    return isDiskFull(error) ? -ENOSPC : -EIO;
  }
}
