/**
 * A new dynamic disk that is filled once and finished: a block gets the next place in the file when something is first
 * written to it. Where blocks that follow each other on the disk do so in the file, they are written at once: the system
 * keeps what comes in large pieces in large pages, which cost it far less.
 */
import { randomGuid } from '../bytes/guid.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { createHostFile } from '../disk/host-file.ts';
import { checkRange } from '../disk/range.ts';
import { BlockTable } from './block-table.ts';
import { firstBlockMb, writeIdentifier, writeTables } from './file-layout.ts';
import { BLOCK, MIB } from './format.ts';
import { checkedGeometry, type Geometry } from './geometry.ts';
import type { Metadata } from './metadata.ts';
import { newDiskMetadata, type NewDiskOptions } from './new-disk.ts';

/**
 * Makes the file.
 * @throws HyperfileError DISK_EXISTS, DISK_NOT_FOUND (no such folder), DISK_FULL, DISK_IO, VHDX_GEOMETRY
 */
export function createFilledDisk(filePath: string, options: NewDiskOptions): FilledDisk {
  const metadata = newDiskMetadata(options, false);
  const geometry = checkedGeometry(metadata);
  return new FilledDisk(createHostFile(filePath), metadata, geometry);
}

export class FilledDisk {
  readonly #file: BlockFile;
  readonly #metadata: Metadata;
  readonly #geometry: Geometry;
  readonly #table: BlockTable;
  /** Where the next block goes. */
  #endMb: number;

  constructor(file: BlockFile, metadata: Metadata, geometry: Geometry) {
    this.#file = file;
    this.#metadata = metadata;
    this.#geometry = geometry;
    this.#table = new BlockTable(geometry.blockCount);
    this.#endMb = firstBlockMb(geometry);
  }

  /** @throws HyperfileError DISK_OUT_OF_RANGE, DISK_FULL, DISK_IO */
  write(source: Uint8Array, offset: number): void {
    checkRange(this.#metadata.sizeBytes, offset, source.length);
    let start = 0;
    let startPlace = this.#placeOf(offset);
    for (let at = this.#toBlockEnd(offset); at < source.length; at += this.#geometry.blockBytes) {
      const place = this.#placeOf(offset + at);
      if (place === startPlace + at - start) continue;
      this.#file.writeAt(source, start, at - start, startPlace);
      start = at;
      startPlace = place;
    }
    this.#file.writeAt(source, start, source.length - start, startPlace);
  }

  #toBlockEnd(offset: number): number {
    return this.#geometry.blockBytes - (offset % this.#geometry.blockBytes);
  }

  /** Where a byte of the disk goes in the file. */
  #placeOf(offset: number): number {
    const { blockBytes } = this.#geometry;
    const block = Math.floor(offset / blockBytes);
    let fileMb = this.#table.fileMb(block);
    if (fileMb === 0) {
      fileMb = this.#endMb;
      this.#endMb += blockBytes / MIB;
      this.#table.set(block, BLOCK.FULLY_PRESENT, fileMb);
    }
    return fileMb * MIB + (offset % blockBytes);
  }

  /** Writes everything but the blocks; the file is complete after it. What was never written reads as zeros. */
  seal(): void {
    this.#file.truncate(this.#endMb * MIB);
    writeIdentifier(this.#file);
    const bat = { table: this.#table, bitmapMb: new Map<number, number>() };
    const parts = { metadata: this.#metadata, geometry: this.#geometry, bat, dataWriteGuid: randomGuid() };
    writeTables(this.#file, parts);
  }

  close(): void {
    this.#file.close();
  }
}
