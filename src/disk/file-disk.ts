/** A disk whose bytes are a file's bytes: a raw image of the host, or a disk in memory. */
import type { BlockFile } from './block-file.ts';
import type { DiskExtent, WritableDisk } from './disk.ts';
import { createHostFile, openHostFile } from './host-file.ts';
import { MemoryFile } from './memory-file.ts';
import { checkRange } from './range.ts';
import { isZero, ZEROS } from './zeros.ts';

const EXTENT_BYTES = 1024 * 1024;

/** Opens a raw image. Its size is the file's, rounded down to whole sectors. */
export function openRawDisk(path: string, options: { writable?: boolean } = {}): WritableDisk {
  return new FileDisk(openHostFile(path, options));
}

/** Makes a raw image of zeros that takes no space yet. */
export function createRawDisk(path: string, sizeBytes: number): WritableDisk {
  const file = createHostFile(path);
  try {
    file.truncate(sizeBytes);
    return new FileDisk(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A disk of zeros in memory. */
export function memoryDisk(sizeBytes: number, logicalSectorBytes = 512): WritableDisk {
  return new FileDisk(new MemoryFile('memory', sizeBytes), logicalSectorBytes);
}

export class FileDisk implements WritableDisk {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly #file: BlockFile;

  constructor(file: BlockFile, logicalSectorBytes = 512) {
    this.#file = file;
    this.logicalSectorBytes = logicalSectorBytes;
    this.sizeBytes = Math.floor(file.sizeBytes() / logicalSectorBytes) * logicalSectorBytes;
  }

  read(target: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, target.length);
    this.#file.readAt(target, 0, target.length, offset);
  }

  write(source: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, source.length);
    this.#file.writeAt(source, 0, source.length, offset);
  }

  zero(offset: number, length: number): void {
    checkRange(this.sizeBytes, offset, length);
    for (let done = 0; done < length; done += ZEROS.length) {
      this.#file.writeAt(ZEROS, 0, Math.min(ZEROS.length, length - done), offset + done);
    }
  }

  /** A plain file does not tell its holes, so this reads: runs of whole megabytes of zeros are `zero`. */
  *extents(offset: number, length: number): Generator<DiskExtent> {
    checkRange(this.sizeBytes, offset, length);
    const piece = new Uint8Array(Math.min(EXTENT_BYTES, length));
    let current: DiskExtent | undefined;
    for (let at = offset; at < offset + length;) {
      const count = Math.min(EXTENT_BYTES - (at % EXTENT_BYTES), offset + length - at);
      this.#file.readAt(piece, 0, count, at);
      const kind = isZero(piece, 0, count) ? 'zero' : 'data';
      if (current?.kind === kind) current = { ...current, length: current.length + count };
      else {
        if (current) yield current;
        current = { offset: at, length: count, kind };
      }
      at += count;
    }
    if (current) yield current;
  }

  flush(): void {
    this.#file.flush();
  }

  close(): void {
    this.#file.close();
  }
}
