/** A chain with a broken file on top, as a disk: read in spots that matter, and as ranges. */
import { ChainIndex } from '../../../src/vhdx/chain-index.ts';
import type { Layer } from '../../../src/vhdx/layer.ts';
import { resolveChain } from '../../../src/vhdx/resolve.ts';
import { Gather } from '../../../src/vhdx/runs.ts';
import { Violation } from './mutant-file.ts';
import type { Random } from './random.ts';

/** A stretch of a disk to look at. */
export interface Spot {
  readonly offset: number;
  readonly length: number;
}

const SPOT_BYTES = 1536;
const MAX_BLOCKS = 12;

/** Both ends of blocks and of the disk, their middles, and places drawn at random. */
export function spotsOf({ table, geometry }: Layer, random: Random): Spot[] {
  const { sizeBytes, blockBytes } = geometry;
  // Blocks that are not there have edges, too.
  const blocks = [0, 1, 2, 3];
  for (const block of table.blocks()) if (blocks.push(block) === MAX_BLOCKS) break;
  const places = [...new Set(blocks)].flatMap((block) => {
    const start = block * blockBytes;
    return [start, start + 512, start + blockBytes - 700, start + random.below(blockBytes)];
  });
  places.push(0, sizeBytes - SPOT_BYTES, sizeBytes - 1);
  for (let i = 0; i < 6; i++) places.push(Math.floor((random.next() / 2 ** 32) * sizeBytes));
  return places.flatMap((place) => {
    const offset = Math.max(0, place);
    return offset < sizeBytes ? [{ offset, length: Math.min(SPOT_BYTES, sizeBytes - offset) }] : [];
  });
}

export class MutantDisk {
  readonly #layers: readonly Layer[];
  readonly #index: ChainIndex;
  readonly #gather = new Gather();

  constructor(layers: readonly Layer[]) {
    this.#layers = layers;
    this.#index = new ChainIndex(layers, layers[0].geometry.logicalSectorBytes);
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length, 0xee);
    this.#gather.read(this.#index, bytes, offset);
    return bytes;
  }

  readAll(spots: readonly Spot[]): Buffer[] {
    return spots.map(({ offset, length }) => this.#read(offset, length));
  }

  /** The ranges of each spot cover it, and lead to the bytes that are read. */
  compareRanges(spots: readonly Spot[], contents: readonly Buffer[]): void {
    for (const [i, { offset, length }] of spots.entries()) {
      let end = offset;
      for (const range of resolveChain(this.#layers, this.#index, offset, length)) {
        if (range.offset !== end || range.length <= 0) throw new Violation(`ranges have a gap at ${end}`);
        end += range.length;
        const bytes = Buffer.alloc(range.length);
        if (range.kind === 'data') {
          this.#layers[range.depth].file.readAt(bytes, 0, bytes.length, range.fileOffset);
        }
        const read = contents[i].subarray(range.offset - offset, end - offset);
        if (!read.equals(bytes)) throw new Violation(`the range at ${range.offset} leads to other bytes`);
      }
      if (end !== offset + length) throw new Violation(`ranges end at ${end} instead of ${offset + length}`);
    }
  }
}
