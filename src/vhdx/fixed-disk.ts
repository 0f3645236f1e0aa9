/**
 * A new disk whose file holds every block from the beginning on, one after the other: the host has reserved all of its
 * space, and reading it in order reads the file in order. Nothing of the file is a hole once it is sealed, if everything
 * of the disk was written: zeros are stored like other bytes.
 */
import { randomGuid } from '../bytes/guid.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { createHostFile } from '../disk/host-file.ts';
import { checkRange } from '../disk/range.ts';
import { ZEROS } from '../disk/zeros.ts';
import { BlockTable } from './block-table.ts';
import { firstBlockMb, writeIdentifier, writeTables } from './file-layout.ts';
import { BLOCK, MIB } from './format.ts';
import { checkedGeometry, type Geometry } from './geometry.ts';
import type { Metadata } from './metadata.ts';
import { newDiskMetadata, type NewDiskOptions } from './new-disk.ts';

/**
 * Makes the file, in its full length but with nothing in it.
 * @throws HyperfileError DISK_EXISTS, DISK_NOT_FOUND (no such folder), DISK_FULL, DISK_IO, VHDX_GEOMETRY
 */
export function createFixedDisk(filePath: string, options: NewDiskOptions): FixedDisk {
  const metadata = newDiskMetadata(options, true);
  const geometry = checkedGeometry(metadata);
  const file = createHostFile(filePath);
  try {
    file.truncate(firstBlockMb(geometry) * MIB + geometry.blockCount * geometry.blockBytes);
    return new FixedDisk(file, metadata, geometry);
  } catch (error) {
    file.close();
    throw error;
  }
}

export class FixedDisk {
  readonly sizeBytes: number;
  readonly #file: BlockFile;
  readonly #metadata: Metadata;
  readonly #geometry: Geometry;
  /** Where the disk begins in the file. */
  readonly #start: number;

  constructor(file: BlockFile, metadata: Metadata, geometry: Geometry) {
    this.#file = file;
    this.#metadata = metadata;
    this.#geometry = geometry;
    this.#start = firstBlockMb(geometry) * MIB;
    this.sizeBytes = metadata.sizeBytes;
  }

  write(source: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, source.length);
    this.#file.writeAt(source, 0, source.length, this.#start + offset);
  }

  zero(offset: number, length: number): void {
    checkRange(this.sizeBytes, offset, length);
    this.#writeZeros(this.#start + offset, length);
  }

  #writeZeros(fileOffset: number, length: number): void {
    for (let done = 0; done < length; done += ZEROS.length) {
      this.#file.writeAt(ZEROS, 0, Math.min(ZEROS.length, length - done), fileOffset + done);
    }
  }

  /** Writes everything around the blocks; the file is complete after it. */
  seal(): void {
    const { blockCount, blockBytes } = this.#geometry;
    this.#writeZeros(this.#start + this.sizeBytes, blockCount * blockBytes - this.sizeBytes);
    this.#writeZeros(0, this.#start);
    writeIdentifier(this.#file);
    const table = new BlockTable(blockCount);
    table.fill(0, blockCount, BLOCK.FULLY_PRESENT, this.#start / MIB, blockBytes / MIB);
    const bat = { table, bitmapMb: new Map<number, number>() };
    const parts = { metadata: this.#metadata, geometry: this.#geometry, bat, dataWriteGuid: randomGuid() };
    writeTables(this.#file, parts);
  }

  close(): void {
    this.#file.close();
  }
}
