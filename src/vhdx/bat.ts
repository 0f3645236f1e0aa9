/** The block allocation table: reading it strictly, writing it sparsely (MS-VHDX section 2.5). */
import { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { BlockTable } from './block-table.ts';
import { BAT_ENTRY_BYTES, BITMAP_PRESENT, BLOCK, MIB } from './format.ts';
import { bitmapEntryIndex, payloadEntryIndex, type Geometry } from './geometry.ts';
import { problemAt } from './problems.ts';
import type { Region } from './region.ts';

const PAGE_BYTES = 4096;
/** Bits 3 to 19 of an entry. */
const RESERVED_BITS = 0xffff8;

export interface Bat {
  readonly table: BlockTable;
  /** Chunk -> where its sector bitmap block lies in the file, in MiB. */
  readonly bitmapMb: ReadonlyMap<number, number>;
  readonly allocatedBlocks: number;
}

/**
 * Reads the whole table. `taken` are the stretches of the file where no block may lie.
 * @throws HyperfileError VHDX_BAT_CORRUPT, VHDX_CUT_SHORT.
 */
export function readBat(file: BlockFile, region: Region, geometry: Geometry, taken: readonly Region[]): Bat {
  if (geometry.batEntryCount * BAT_ENTRY_BYTES > region.length) {
    throw problemAt(
      'VHDX_BAT_CORRUPT',
      file.path,
      region.fileOffset,
      'it is too small for the size of the disk',
    );
  }
  const reader = new BatReader(file, region, geometry, taken);
  const chunk = new Uint32Array(MIB / 4);
  const bytes = new Uint8Array(chunk.buffer);
  const tableBytes = geometry.batEntryCount * BAT_ENTRY_BYTES;
  for (let done = 0; done < tableBytes; done += MIB) {
    const length = Math.min(MIB, tableBytes - done);
    file.readAt(bytes, 0, length, region.fileOffset + done);
    for (let i = 0; i < length / 4; i += 2) {
      const low = chunk[i];
      const high = chunk[i + 1];
      if ((low | high) !== 0) reader.entry((done + i * 4) / BAT_ENTRY_BYTES, low, high);
    }
  }
  reader.checkBitmaps();
  const { table, bitmapMb, allocatedBlocks } = reader;
  return { table, bitmapMb, allocatedBlocks };
}

class BatReader {
  readonly table: BlockTable;
  readonly bitmapMb = new Map<number, number>();
  allocatedBlocks = 0;
  readonly #file: BlockFile;
  readonly #region: Region;
  readonly #geometry: Geometry;
  readonly #fileMb: number;
  /** One bit for every megabyte of the file. */
  readonly #used: Bitmap;
  readonly #partialChunks = new Set<number>();

  constructor(file: BlockFile, region: Region, geometry: Geometry, taken: readonly Region[]) {
    this.#file = file;
    this.#region = region;
    this.#geometry = geometry;
    this.#fileMb = Math.floor(file.sizeBytes() / MIB);
    this.#used = new Bitmap(Math.ceil(file.sizeBytes() / MIB));
    this.table = new BlockTable(geometry.blockCount);
    for (const { fileOffset, length } of taken) this.#reserve(fileOffset, length);
  }

  #reserve(fileOffset: number, length: number): void {
    const { path } = this.#file;
    const end = (fileOffset + length) / MIB;
    if (end > this.#used.length) {
      throw problemAt(
        'VHDX_CUT_SHORT',
        path,
        fileOffset,
        'the log or a region lies past the end of the file',
      );
    }
    if (this.#used.setRange(fileOffset / MIB, end) !== length / MIB) {
      throw problemAt('VHDX_REGION_CORRUPT', path, fileOffset, 'the log or a region lies on top of another');
    }
  }

  /** Takes in one entry that is not zero; `low` and `high` are its halves. */
  entry(index: number, low: number, high: number): void {
    const { chunkRatio, blockCount, hasParent } = this.#geometry;
    const chunk = Math.floor(index / (chunkRatio + 1));
    const block = index - chunk;
    const state = low & 7;
    const fileMb = high * 4096 + (low >>> 20);
    if (low & RESERVED_BITS) throw this.#problem(index, 'an entry has reserved bits set');
    if (index === bitmapEntryIndex(this.#geometry, chunk))
      return this.#bitmapEntry(index, chunk, state, fileMb);
    // Entries past the end of the disk mean nothing.
    if (block >= blockCount) return;
    if (state === 4 || state === 5)
      throw this.#problem(index, `block ${block} is in the reserved state ${state}`);
    if (state < BLOCK.FULLY_PRESENT) return this.table.set(block, state, 0);
    if (state === BLOCK.PARTIALLY_PRESENT) {
      if (!hasParent) throw this.#problem(index, `block ${block} is partial, but there is no parent`);
      this.#partialChunks.add(chunk);
    }
    this.#take(index, fileMb, this.#geometry.blockBytes / MIB);
    this.table.set(block, state, fileMb);
    this.allocatedBlocks++;
  }

  #bitmapEntry(index: number, chunk: number, state: number, fileMb: number): void {
    if (state === BLOCK.NOT_PRESENT) return;
    if (state !== BITMAP_PRESENT)
      throw this.#problem(index, `a sector bitmap is in the reserved state ${state}`);
    if (!this.#geometry.hasParent) throw this.#problem(index, 'there is a sector bitmap, but no parent');
    this.#take(index, fileMb, 1);
    this.bitmapMb.set(chunk, fileMb);
  }

  #take(index: number, fileMb: number, countMb: number): void {
    if (fileMb + countMb > this.#fileMb) {
      throw problemAt(
        'VHDX_CUT_SHORT',
        this.#file.path,
        this.#offsetOf(index),
        'a block lies past the end of the file',
      );
    }
    if (this.#used.setRange(fileMb, fileMb + countMb) !== countMb) {
      throw this.#problem(index, `something else lies at byte ${fileMb * MIB} already`);
    }
  }

  checkBitmaps(): void {
    for (const chunk of this.#partialChunks) {
      if (this.bitmapMb.has(chunk)) continue;
      const index = bitmapEntryIndex(this.#geometry, chunk);
      throw this.#problem(index, 'the sector bitmap of partial blocks is missing');
    }
  }

  #problem(index: number, problem: string): Error {
    return problemAt('VHDX_BAT_CORRUPT', this.#file.path, this.#offsetOf(index), problem);
  }

  #offsetOf(index: number): number {
    return this.#region.fileOffset + index * BAT_ENTRY_BYTES;
  }
}

/** Writes the pages of a table that hold something, into a region that is a hole so far. */
export function writeBat(
  file: BlockFile,
  batOffset: number,
  geometry: Geometry,
  bat: Omit<Bat, 'allocatedBlocks'>,
): void {
  const pages = new Map<number, DataView>();
  const put = (index: number, state: number, fileMb: number): void => {
    const page = Math.floor((index * BAT_ENTRY_BYTES) / PAGE_BYTES);
    let view = pages.get(page);
    if (view === undefined) pages.set(page, (view = new DataView(new ArrayBuffer(PAGE_BYTES))));
    const at = index * BAT_ENTRY_BYTES - page * PAGE_BYTES;
    view.setUint32(at, (state | (fileMb << 20)) >>> 0, true);
    view.setUint32(at + 4, Math.floor(fileMb / 4096), true);
  };
  for (const block of bat.table.blocks()) {
    put(payloadEntryIndex(geometry, block), bat.table.state(block), bat.table.fileMb(block));
  }
  for (const [chunk, fileMb] of bat.bitmapMb) put(bitmapEntryIndex(geometry, chunk), BITMAP_PRESENT, fileMb);
  for (const [page, view] of pages) {
    file.writeAt(new Uint8Array(view.buffer), 0, PAGE_BYTES, batOffset + page * PAGE_BYTES);
  }
}
