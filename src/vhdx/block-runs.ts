/** Reads one file's blocks as runs: its own data, zeros, and for what it does not hold the runs of what lies below. */
import type { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { BLOCKS_PER_PAGE, type BlockTable } from './block-table.ts';
import { BLOCK, MIB } from './format.ts';
import type { Geometry } from './geometry.ts';
import type { RunSource, RunVisitor } from './runs.ts';

/** A file's blocks, finished or in the making. */
export interface OwnBlocks {
  readonly file: BlockFile;
  readonly geometry: Geometry;
  readonly table: BlockTable;
  /** The sectors that a PARTIALLY_PRESENT block owns. */
  bitsOf(block: number): Bitmap;
}

export class BlockRuns implements RunSource {
  readonly #own: OwnBlocks;
  readonly #below: RunSource;

  constructor(own: OwnBlocks, below: RunSource) {
    this.#own = own;
    this.#below = below;
  }

  runs(offset: number, length: number, at: number, visitor: RunVisitor): void {
    const { geometry, table, file } = this.#own;
    const { blockBytes } = geometry;
    for (let done = 0; done < length;) {
      const position = offset + done;
      const block = Math.floor(position / blockBytes);
      const within = position - block * blockBytes;
      let count = Math.min(blockBytes - within, length - done);
      const state = table.state(block);
      if (state === BLOCK.NOT_PRESENT) {
        if (done + count < length) count = Math.min(this.#emptyLength(block) - within, length - done);
        this.#below.runs(position, count, at + done, visitor);
      } else if (state === BLOCK.FULLY_PRESENT) {
        visitor.data(file, table.fileMb(block) * MIB + within, at + done, count);
      } else if (state === BLOCK.PARTIALLY_PRESENT) {
        this.#partialRuns(block, within, count, at + done, visitor);
      } else visitor.zeros(at + done, count);
      done += count;
    }
  }

  /** Bytes from the start of an absent block that are surely absent: one block, or up to the end of an empty page. */
  #emptyLength(block: number): number {
    const { table, geometry } = this.#own;
    if (table.mayHold(block, block)) return geometry.blockBytes;
    return (BLOCKS_PER_PAGE - (block % BLOCKS_PER_PAGE)) * geometry.blockBytes;
  }

  #partialRuns(block: number, within: number, length: number, at: number, visitor: RunVisitor): void {
    const { geometry, table, file } = this.#own;
    const { blockBytes, logicalSectorBytes } = geometry;
    const bits = this.#own.bitsOf(block);
    const end = within + length;
    const endSector = Math.ceil(end / logicalSectorBytes);
    for (let from = within; from < end;) {
      const sector = Math.floor(from / logicalSectorBytes);
      const to = Math.min(end, bits.runEnd(sector, endSector) * logicalSectorBytes);
      if (bits.has(sector)) {
        visitor.data(file, table.fileMb(block) * MIB + from, at + from - within, to - from);
      } else this.#below.runs(block * blockBytes + from, to - from, at + from - within, visitor);
      from = to;
    }
  }
}
