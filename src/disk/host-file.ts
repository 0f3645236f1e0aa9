/** A file of the host as a {@link BlockFile}. */
import fs from 'node:fs';
import { HyperfileError, systemCode } from '../base/error.ts';
import type { BlockFile } from './block-file.ts';

/**
 * Opens an existing regular file, for reading unless `writable`.
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO.
 */
export function openHostFile(path: string, options: { writable?: boolean } = {}): BlockFile {
  // Looked at before it is opened: opening a pipe would wait for its other end.
  const stats = attempt(path, 'open', () => fs.statSync(path));
  if (!stats.isFile()) throw new HyperfileError('DISK_NOT_A_FILE', { data: { path } });
  return new HostFile(
    path,
    attempt(path, 'open', () => fs.openSync(path, options.writable ? 'r+' : 'r')),
  );
}

/**
 * Makes a new, empty file for reading and writing. Errors call it `name`, for a file that will be renamed.
 * @throws HyperfileError DISK_EXISTS, DISK_NOT_FOUND (the folder), DISK_FULL, DISK_IO.
 */
export function createHostFile(path: string, name = path): BlockFile {
  return new HostFile(
    name,
    attempt(path, 'create', () => fs.openSync(path, 'wx+')),
  );
}

class HostFile implements BlockFile {
  readonly path: string;
  readonly #fd: number;
  #open = true;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    let done = 0;
    while (done < length) {
      const count = this.#readOnce(target, at + done, length - done, fileOffset + done);
      if (count === 0) throw this.#cutShort(fileOffset + length);
      done += count;
    }
  }

  async readLater(target: Uint8Array, at: number, length: number, fileOffset: number): Promise<void> {
    let done = 0;
    while (done < length) {
      const count = await this.#readOnceLater(target, at + done, length - done, fileOffset + done);
      if (count === 0) throw this.#cutShort(fileOffset + length);
      done += count;
    }
  }

  #cutShort(end: number): HyperfileError {
    return new HyperfileError('DISK_CUT_SHORT', { data: { path: this.path, end } });
  }

  #readOnce(target: Uint8Array, at: number, length: number, fileOffset: number): number {
    try {
      return fs.readSync(this.#fd, target, at, length, fileOffset);
    } catch (error) {
      throw hostError(this.path, 'read', error);
    }
  }

  #readOnceLater(target: Uint8Array, at: number, length: number, fileOffset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, target, at, length, fileOffset, (error, count) => {
        if (error) reject(hostError(this.path, 'read', error));
        else resolve(count);
      });
    });
  }

  writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    let done = 0;
    while (done < length) done += this.#writeOnce(source, at + done, length - done, fileOffset + done);
  }

  #writeOnce(source: Uint8Array, at: number, length: number, fileOffset: number): number {
    try {
      return fs.writeSync(this.#fd, source, at, length, fileOffset);
    } catch (error) {
      throw hostError(this.path, 'write', error);
    }
  }

  sizeBytes(): number {
    return attempt(this.path, 'read', () => fs.fstatSync(this.#fd).size);
  }

  truncate(sizeBytes: number): void {
    attempt(this.path, 'write', () => fs.ftruncateSync(this.#fd, sizeBytes));
  }

  flush(): void {
    attempt(this.path, 'write', () => fs.fsyncSync(this.#fd));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    attempt(this.path, 'close', () => fs.closeSync(this.#fd));
  }
}

function attempt<T>(path: string, action: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw hostError(path, action, error);
  }
}

function hostError(path: string, action: string, cause: unknown): HyperfileError {
  switch (systemCode(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HyperfileError('DISK_NOT_FOUND', { data: { path }, cause });
    case 'EEXIST':
      return new HyperfileError('DISK_EXISTS', { data: { path }, cause });
    case 'EISDIR':
      return new HyperfileError('DISK_NOT_A_FILE', { data: { path }, cause });
    case 'ENOSPC':
    case 'EDQUOT':
      return new HyperfileError('DISK_FULL', { data: { path }, cause });
    case 'EBUSY': {
      const problem = 'another program, or a virtual machine, has it open';
      return new HyperfileError('DISK_IO', { data: { path, action, problem }, cause });
    }
    default: {
      const problem = cause instanceof Error ? cause.message : String(cause);
      return new HyperfileError('DISK_IO', { data: { path, action, problem }, cause });
    }
  }
}
