/**
 * The writable end of a chain: a file that is being made. Payload goes to its place at once; which block lies where and
 * which sectors count stays in memory until the file is finished, so a file that is not finished is worth nothing.
 *
 * A block is NOT_PRESENT, ZERO (hides data below), FULLY_PRESENT, or PARTIALLY_PRESENT with its bits in `bits`. A block
 * that reads as zeros on purpose never becomes partial: what lies below would show through.
 */
import { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { BlockSpace } from './block-space.ts';
import { BlockRuns, type OwnBlocks } from './block-runs.ts';
import { BlockTable } from './block-table.ts';
import { firstBlockMb } from './file-layout.ts';
import { BLOCK, MIB } from './format.ts';
import { sectorsIn, type Geometry } from './geometry.ts';
import type { RunSource, RunVisitor } from './runs.ts';
import type { SectorWriter } from './sector-disk.ts';
import { hasData, ZeroWalk } from './zero-walk.ts';

export class Leaf implements RunSource, OwnBlocks, SectorWriter {
  readonly file: BlockFile;
  readonly geometry: Geometry;
  readonly table: BlockTable;
  readonly bits = new Map<number, Bitmap>();
  readonly space: BlockSpace;
  /** Blocks into which zeros were stored: they may have become zeros altogether. */
  readonly zeroed = new Set<number>();
  readonly #below: RunSource;
  readonly #runs: BlockRuns;
  readonly #zeroWalk = new ZeroWalk(this);

  constructor(file: BlockFile, geometry: Geometry, below: RunSource) {
    this.file = file;
    this.geometry = geometry;
    this.#below = below;
    this.#runs = new BlockRuns(this, below);
    this.table = new BlockTable(geometry.blockCount);
    this.space = new BlockSpace(file, geometry, firstBlockMb(geometry));
  }

  runs(offset: number, length: number, at: number, visitor: RunVisitor): void {
    this.#runs.runs(offset, length, at, visitor);
  }

  bitsOf(block: number): Bitmap {
    return this.bits.get(block)!;
  }

  /** Writes whole sectors. Zeros are not stored where they need not be. */
  write(source: Uint8Array, offset: number): void {
    const { blockBytes } = this.geometry;
    for (let done = 0; done < source.length;) {
      const block = Math.floor((offset + done) / blockBytes);
      const within = offset + done - block * blockBytes;
      const count = Math.min(blockBytes - within, source.length - done);
      if (isZero(source, done, done + count)) this.#zeroBlock(block, within, count);
      else this.#writeBlock(block, within, source, done, count);
      done += count;
    }
  }

  #writeBlock(block: number, within: number, source: Uint8Array, at: number, length: number): void {
    const sectorBytes = this.geometry.logicalSectorBytes;
    const start = within / sectorBytes;
    const end = start + length / sectorBytes;
    const state = this.table.state(block);
    if (state >= BLOCK.FULLY_PRESENT) {
      const fileMb = this.table.fileMb(block);
      try {
        this.file.writeAt(source, at, length, fileMb * MIB + within);
      } catch (error) {
        this.#distrust(block, fileMb, start, end);
        throw error;
      }
      this.space.wrote(fileMb, start, end);
      if (state === BLOCK.PARTIALLY_PRESENT) this.own(block, fileMb, start, end);
      return;
    }
    const fileMb = this.space.allocateWith((place) => {
      this.file.writeAt(source, at, length, place * MIB + within);
      this.space.wrote(place, start, end);
      if (state === BLOCK.ZERO) this.space.clean(place, 0, this.geometry.sectorsPerBlock);
    });
    if (state === BLOCK.ZERO) this.table.set(block, BLOCK.FULLY_PRESENT, fileMb);
    else this.own(block, fileMb, start, end);
  }

  /** A write that failed may have got anywhere: sectors that the block does not own are no holes any more. */
  #distrust(block: number, fileMb: number, start: number, end: number): void {
    const bits = this.bits.get(block);
    if (bits === undefined) return;
    for (let at = start; at < end;) {
      const runEnd = bits.runEnd(at, end);
      if (!bits.has(at)) this.space.abandon(fileMb, at, runEnd);
      at = runEnd;
    }
  }

  /** Marks sectors of an absent or partial block as its own. */
  own(block: number, fileMb: number, start: number, end: number): void {
    const all = sectorsIn(this.geometry, block);
    let bits = this.bits.get(block);
    if (bits === undefined && end - start < all) {
      this.bits.set(block, (bits = new Bitmap(this.geometry.sectorsPerBlock)));
      this.table.set(block, BLOCK.PARTIALLY_PRESENT, fileMb);
    }
    if (bits !== undefined && bits.setRange(start, end) === 0) return;
    if (bits !== undefined && bits.count < all) return;
    this.bits.delete(block);
    this.table.set(block, BLOCK.FULLY_PRESENT, fileMb);
  }

  /** Makes whole sectors read as zeros. */
  zero(offset: number, length: number): void {
    const { blockBytes } = this.geometry;
    for (let done = 0; done < length;) {
      const block = Math.floor((offset + done) / blockBytes);
      const within = offset + done - block * blockBytes;
      const count = Math.min(blockBytes - within, length - done);
      this.#zeroBlock(block, within, count);
      done += count;
    }
  }

  #zeroBlock(block: number, within: number, length: number): void {
    const sectorBytes = this.geometry.logicalSectorBytes;
    if (length === sectorsIn(this.geometry, block) * sectorBytes) this.makeZero(block);
    else if (this.table.state(block) !== BLOCK.ZERO) {
      const offset = block * this.geometry.blockBytes + within;
      this.#zeroWalk.zero(this.#below, block, offset, length);
    }
  }

  /** Makes a whole block read as zeros and frees its place. */
  makeZero(block: number): void {
    const { blockBytes, logicalSectorBytes } = this.geometry;
    const length = sectorsIn(this.geometry, block) * logicalSectorBytes;
    const hides = hasData(this.#below, block * blockBytes, length);
    this.drop(block, hides ? BLOCK.ZERO : BLOCK.NOT_PRESENT);
  }

  /** Frees a block's place, if it has one, and leaves it in a state without data. */
  drop(block: number, state: number): void {
    const before = this.table.state(block);
    if (before >= BLOCK.FULLY_PRESENT) this.space.release(this.table.fileMb(block), this.bits.get(block));
    this.bits.delete(block);
    this.zeroed.delete(block);
    if (before !== state) this.table.set(block, state, 0);
  }
}
