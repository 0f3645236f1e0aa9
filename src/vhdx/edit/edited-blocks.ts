/**
 * Writes and zeroes sectors of a finished file, block by block. What a write does to a block:
 *
 *   block was                  part of it is written                    all of it is written
 *   absent, with a parent      new place, partial: owns what is written   new place, whole
 *   absent, no parent; zero    new place, the rest zeros, whole           new place, whole
 *   partial                    in place, owns more                        in place, whole
 *   whole                      in place                                   in place
 *
 * A block that reads as zeros never becomes partial: what lies below would show through its gaps.
 */
import { Bitmap } from '../../bytes/bitmap.ts';
import { isZero, ZEROS } from '../../disk/zeros.ts';
import { BlockRuns, type OwnBlocks } from '../block-runs.ts';
import { BLOCK, MIB } from '../format.ts';
import { sectorsIn } from '../geometry.ts';
import type { RunSource, RunVisitor } from '../runs.ts';
import type { SectorWriter } from '../sector-disk.ts';
import { readBlockBits } from '../sector-bitmap.ts';
import { hasData } from '../zero-walk.ts';
import type { Editor } from './editor.ts';
import { PAGE_BYTES } from './pages.ts';
import type { NewPlace } from './file-space.ts';

/** Pages of the block table that one block's change touches: its own entry and its bitmap's. */
const TABLE_PAGES = 2;

export class EditedBlocks implements RunSource, OwnBlocks, SectorWriter {
  readonly editor: Editor;
  readonly file: Editor['file'];
  readonly geometry: Editor['layer']['geometry'];
  readonly table: Editor['layer']['table'];
  /** What shows where this file holds nothing. */
  readonly below: RunSource;
  readonly #runs: BlockRuns;
  readonly #bits = new Map<number, Bitmap>();
  readonly #pagesPerBlock: number;

  constructor(editor: Editor, below: RunSource) {
    this.editor = editor;
    this.file = editor.file;
    this.geometry = editor.layer.geometry;
    this.table = editor.layer.table;
    this.below = below;
    this.#runs = new BlockRuns(this, below);
    this.#pagesPerBlock = TABLE_PAGES + Math.ceil(this.geometry.bitmapBytesPerBlock / PAGE_BYTES);
  }

  runs(offset: number, length: number, at: number, visitor: RunVisitor): void {
    this.#runs.runs(offset, length, at, visitor);
  }

  bitsOf(block: number): Bitmap {
    let bits = this.#bits.get(block);
    if (bits === undefined) {
      bits = readBlockBits(this.editor.layer, block, 0, this.geometry.sectorsPerBlock);
      // Bits behind the end of the disk mean nothing, and must not count.
      bits.clearRange(sectorsIn(this.geometry, block), this.geometry.sectorsPerBlock);
      this.#bits.set(block, bits);
    }
    return bits;
  }

  write(source: Uint8Array, offset: number): void {
    this.#eachBlock(offset, source.length, (block, within, done, count) => {
      if (isZero(source, done, done + count)) this.#zeroBlock(block, within, count);
      else this.#writeBlock(block, within, source, done, count);
    });
  }

  zero(offset: number, length: number): void {
    this.#eachBlock(offset, length, (block, within, _done, count) => this.#zeroBlock(block, within, count));
  }

  #eachBlock(
    offset: number,
    length: number,
    visit: (block: number, within: number, done: number, count: number) => void,
  ): void {
    const { blockBytes } = this.geometry;
    for (let done = 0; done < length;) {
      const block = Math.floor((offset + done) / blockBytes);
      const within = offset + done - block * blockBytes;
      const count = Math.min(blockBytes - within, length - done);
      visit(block, within, done, count);
      done += count;
    }
  }

  #writeBlock(block: number, within: number, source: Uint8Array, at: number, length: number): void {
    this.#begin();
    const sectorBytes = this.geometry.logicalSectorBytes;
    const start = within / sectorBytes;
    const end = start + length / sectorBytes;
    const state = this.table.state(block);
    if (state >= BLOCK.FULLY_PRESENT) {
      this.file.writeAt(source, at, length, this.table.fileMb(block) * MIB + within);
      if (state === BLOCK.PARTIALLY_PRESENT) this.#own(block, start, end);
      return;
    }
    const place = this.#place((fresh) => {
      if (!this.#becomesPartial(block, state, start, end)) this.#fillUp(fresh, start, end);
      this.file.writeAt(source, at, length, fresh.fileMb * MIB + within);
    });
    this.#enter(block, state, place, start, end);
  }

  /** Every change of a block begins so, before the first byte is written. */
  #begin(): void {
    this.editor.begin('data');
    this.editor.makeRoom(this.#pagesPerBlock);
  }

  /** A new place for a block, filled by `fill`. */
  #place(fill: (place: NewPlace) => void): NewPlace {
    const place = this.editor.space.allocate(this.geometry.blockBytes / MIB);
    try {
      fill(place);
      return place;
    } catch (error) {
      this.editor.space.takeBack(place);
      throw error;
    }
  }

  #becomesPartial(block: number, state: number, start: number, end: number): boolean {
    const isWhole = end - start === sectorsIn(this.geometry, block);
    return state === BLOCK.NOT_PRESENT && this.geometry.hasParent && !isWhole;
  }

  /** Makes what a write leaves of a new place read as zeros, also behind the end of the disk, which may grow. */
  #fillUp(place: NewPlace, start: number, end: number): void {
    if (place.isFresh) return;
    this.#storeZeros(place.fileMb, 0, start);
    this.#storeZeros(place.fileMb, end, this.geometry.sectorsPerBlock);
  }

  #storeZeros(fileMb: number, start: number, end: number): void {
    const sectorBytes = this.geometry.logicalSectorBytes;
    const from = fileMb * MIB + start * sectorBytes;
    const length = (end - start) * sectorBytes;
    for (let done = 0; done < length; done += ZEROS.length) {
      this.file.writeAt(ZEROS, 0, Math.min(ZEROS.length, length - done), from + done);
    }
  }

  /** A block without data gets a place that holds what was written to it. */
  #enter(block: number, state: number, { fileMb }: NewPlace, start: number, end: number): void {
    if (!this.#becomesPartial(block, state, start, end)) {
      return this.editor.setBlock(block, BLOCK.FULLY_PRESENT, fileMb);
    }
    const chunk = Math.floor(block / this.geometry.chunkRatio);
    if (!this.editor.layer.bitmapMb.has(chunk)) this.#addBitmapBlock(chunk);
    const bits = new Bitmap(this.geometry.sectorsPerBlock);
    bits.setRange(start, end);
    this.#bits.set(block, bits);
    // All of the block's bits: those of an earlier life must not count again.
    this.#patchBits(block, bits, 0, this.geometry.sectorsPerBlock);
    this.editor.setBlock(block, BLOCK.PARTIALLY_PRESENT, fileMb);
  }

  #addBitmapBlock(chunk: number): void {
    const place = this.editor.space.allocate(1);
    if (!place.isFresh) this.editor.space.clean(place);
    this.editor.setBitmapBlock(chunk, place.fileMb);
  }

  /** Sectors of a partial block become its own. */
  #own(block: number, start: number, end: number): void {
    const bits = this.bitsOf(block);
    if (bits.setRange(start, end) === 0) return;
    if (bits.count < sectorsIn(this.geometry, block)) return this.#patchBits(block, bits, start, end);
    this.#bits.delete(block);
    this.editor.setBlock(block, BLOCK.FULLY_PRESENT, this.table.fileMb(block));
  }

  #patchBits(block: number, bits: Bitmap, start: number, end: number): void {
    const { chunkRatio, bitmapBytesPerBlock } = this.geometry;
    const bitmapMb = this.editor.layer.bitmapMb.get(Math.floor(block / chunkRatio))!;
    const fileOffset = bitmapMb * MIB + (block % chunkRatio) * bitmapBytesPerBlock;
    const [from, to] = [Math.floor(start / 8), Math.ceil(end / 8)];
    this.editor.pages.patch(fileOffset + from, bits.bytes().subarray(from, to));
  }

  #zeroBlock(block: number, within: number, length: number): void {
    const { blockBytes, logicalSectorBytes } = this.geometry;
    if (length === sectorsIn(this.geometry, block) * logicalSectorBytes) return this.#zeroWhole(block);
    const state = this.table.state(block);
    const start = within / logicalSectorBytes;
    const end = start + length / logicalSectorBytes;
    if (state === BLOCK.NOT_PRESENT) {
      if (!hasData(this.below, block * blockBytes + within, length)) return;
      this.#begin();
      const place = this.#place((fresh) => {
        if (!fresh.isFresh) this.#storeZeros(fresh.fileMb, start, end);
      });
      return this.#enter(block, state, place, start, end);
    }
    if (state < BLOCK.FULLY_PRESENT) return;
    this.#begin();
    this.#storeZeros(this.table.fileMb(block), start, end);
    if (state === BLOCK.PARTIALLY_PRESENT) this.#own(block, start, end);
  }

  /** Makes a whole block read as zeros and gives its place up, except where the file must keep it. */
  #zeroWhole(block: number): void {
    const { metadata } = this.editor.layer;
    const state = this.table.state(block);
    if (metadata.leaveBlocksAllocated && state >= BLOCK.FULLY_PRESENT) {
      this.#begin();
      this.#storeZeros(this.table.fileMb(block), 0, sectorsIn(this.geometry, block));
      if (state === BLOCK.PARTIALLY_PRESENT) this.#own(block, 0, sectorsIn(this.geometry, block));
      return;
    }
    if (state === BLOCK.NOT_PRESENT && !this.#hidesData(block)) return;
    if (state !== BLOCK.NOT_PRESENT && state < BLOCK.FULLY_PRESENT) return;
    this.#begin();
    this.drop(block, this.#hidesData(block) ? BLOCK.ZERO : BLOCK.NOT_PRESENT);
  }

  /** True when something lies below a block. */
  #hidesData(block: number): boolean {
    const { blockBytes, logicalSectorBytes } = this.geometry;
    return hasData(this.below, block * blockBytes, sectorsIn(this.geometry, block) * logicalSectorBytes);
  }

  /** Makes a block one without data. The editor must have begun and have room for one block's change. */
  drop(block: number, state: number): void {
    this.#bits.delete(block);
    if (this.table.state(block) !== state || this.table.fileMb(block) !== 0) {
      this.editor.setBlock(block, state, 0);
    }
  }
}
