/** Which file of a chain holds what: the whole chain as a sequence of extents. */
import type { ChainDisk } from '../chain.ts';

/** One extent of a disk, in the words of `qemu-img map`; bytes. */
export interface MapExtent {
  readonly start: number;
  readonly length: number;
  /** True when it reads as zeros without being stored; then the rest is absent. */
  readonly zero: boolean;
  readonly data: boolean;
  /** Which layer holds it, counted from the leaf (0) down. */
  readonly depth?: number;
  /** Where in that layer's file it begins. */
  readonly offset?: number;
  /** That layer's file. */
  readonly file?: string;
}

/**
 * The extents of a range of a disk, by default of all of it. One after the other, so that a disk of millions of extents
 * needs no memory for them; no payload is read.
 *
 * @throws HyperfileError DISK_OUT_OF_RANGE; DISK_IO while the extents are taken
 */
export function* mapChain(chain: ChainDisk, start?: number, length?: number): Generator<MapExtent> {
  for (const range of chain.resolve(start, length)) {
    const stretch = { start: range.offset, length: range.length };
    if (range.kind === 'zero') yield { ...stretch, zero: true, data: false };
    else {
      const { depth, fileOffset: offset } = range;
      yield { ...stretch, zero: false, data: true, depth, offset, file: chain.layers[depth].path };
    }
  }
}
