/**
 * Zeroing part of a block, run by run of what lies below: where that is zeros anyway the block gives its sectors up,
 * where it is data the block must hold zeros of its own.
 */
import { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { BLOCK } from './format.ts';
import { sectorsIn } from './geometry.ts';
import type { Leaf } from './leaf.ts';
import type { RunSource, RunVisitor } from './runs.ts';

export class ZeroWalk implements RunVisitor {
  readonly #leaf: Leaf;
  #block = 0;

  constructor(leaf: Leaf) {
    this.#leaf = leaf;
  }

  /** Zeroes a range of whole sectors inside `block`, which is not ZERO. */
  zero(below: RunSource, block: number, offset: number, length: number): void {
    this.#block = block;
    const { table, bits, geometry } = this.#leaf;
    if (table.state(block) === BLOCK.NOT_PRESENT && !hasData(below, offset, length)) return;
    below.runs(offset, length, offset - block * geometry.blockBytes, this);
    if (bits.get(block)?.count === 0) this.#leaf.drop(block, BLOCK.NOT_PRESENT);
  }

  /** Below is data: store zeros. A hole reads as zeros already. */
  data(_file: BlockFile, _fileOffset: number, at: number, length: number): void {
    const { table, space, zeroed } = this.#leaf;
    const { start, end } = this.#sectors(at, length);
    const state = table.state(this.#block);
    zeroed.add(this.#block);
    if (state === BLOCK.NOT_PRESENT) {
      const place = space.allocateWith((fileMb) => space.clean(fileMb, start, end));
      return this.#leaf.own(this.#block, place, start, end);
    }
    const fileMb = table.fileMb(this.#block);
    if (state === BLOCK.FULLY_PRESENT) return space.writeZeros(fileMb, start, end);
    const bits = this.#leaf.bits.get(this.#block)!;
    for (const own of bits.runs(start, end)) space.writeZeros(fileMb, own.start, own.end);
    space.clean(fileMb, start, end);
    this.#leaf.own(this.#block, fileMb, start, end);
  }

  /** Below is zeros: let them through. */
  zeros(at: number, length: number): void {
    const { table, space } = this.#leaf;
    const { start, end } = this.#sectors(at, length);
    const state = table.state(this.#block);
    if (state === BLOCK.NOT_PRESENT) return;
    const fileMb = table.fileMb(this.#block);
    const bits = state === BLOCK.FULLY_PRESENT ? this.#openUp(fileMb) : this.#leaf.bits.get(this.#block)!;
    for (const own of bits.runs(start, end)) space.abandon(fileMb, own.start, own.end);
    bits.clearRange(start, end);
  }

  /** A block that was present as a whole becomes partial, with all its bits set. */
  #openUp(fileMb: number): Bitmap {
    const { table, bits, geometry } = this.#leaf;
    const all = new Bitmap(geometry.sectorsPerBlock);
    all.setRange(0, sectorsIn(geometry, this.#block));
    bits.set(this.#block, all);
    table.set(this.#block, BLOCK.PARTIALLY_PRESENT, fileMb);
    return all;
  }

  #sectors(at: number, length: number): { start: number; end: number } {
    const { logicalSectorBytes } = this.#leaf.geometry;
    return { start: at / logicalSectorBytes, end: (at + length) / logicalSectorBytes };
  }
}

/** True when a range of a disk may hold anything but zeros. */
export function hasData(source: RunSource, offset: number, length: number): boolean {
  const finding = new DataFinder();
  source.runs(offset, length, 0, finding);
  return finding.found;
}

class DataFinder implements RunVisitor {
  found = false;

  data(): void {
    this.found = true;
  }

  zeros(): void {}
}
