/**
 * Says where the bytes of a disk are, without reading any of them: of one file alone, or of a whole chain. At most the
 * sector bitmaps of partial blocks are read.
 */
import { checkRange } from '../disk/range.ts';
import { BlockRuns } from './block-runs.ts';
import type { Layer } from './layer.ts';
import { RangeList, rangesOf } from './ranges.ts';
import type { RunSource } from './runs.ts';
import { readBlockBits } from './sector-bitmap.ts';

/** What one file has to say about a range of its disk; offsets and lengths are bytes, in whole sectors where it changes. */
export type LayerRange = { readonly offset: number; readonly length: number } & (
  | {
      readonly kind: 'data';
      /** Where in the file the range begins. */
      readonly fileOffset: number;
    }
  /** `zero` reads as zeros whatever lies below; `parent` is left to the disk below, which may be smaller. */
  | { readonly kind: 'zero' | 'parent' }
);

/** Where a chain keeps a range of its disk. */
export type ChainRange = { readonly offset: number; readonly length: number } & (
  | {
      readonly kind: 'data';
      /** Which of the layers holds it, counted from the leaf (0) down. */
      readonly depth: number;
      /** Where in that layer's file the range begins. */
      readonly fileOffset: number;
    }
  | { readonly kind: 'zero' }
);

/**
 * What one file says about a range of its disk, by default all of it: consecutive ranges that cover it exactly, in order,
 * neighbours merged where one goes on with the other. A disk without a parent has no `parent` ranges.
 *
 * @throws HyperfileError DISK_OUT_OF_RANGE; DISK_IO while the ranges are taken
 */
export function resolveLayer(
  layer: Layer,
  offset = 0,
  length: number = layer.geometry.sizeBytes - offset,
): Iterable<LayerRange> {
  checkRange(layer.geometry.sizeBytes, offset, length);
  return layerRanges(layer, offset, length);
}

function* layerRanges(layer: Layer, offset: number, length: number): Generator<LayerRange> {
  const { file, geometry, table } = layer;
  const list = new RangeList();
  const below: RunSource = {
    runs: (_offset, count, at) => (geometry.hasParent ? list.parent(at, count) : list.zeros(at, count)),
  };
  const bitsOf = (block: number) => readBlockBits(layer, block, 0, geometry.sectorsPerBlock);
  const own = new BlockRuns({ file, geometry, table, bitsOf }, below);
  for (const range of rangesOf(own, offset, length, list)) {
    const stretch = { offset: range.offset, length: range.length };
    if (range.kind === 'data') yield { ...stretch, kind: 'data', fileOffset: range.fileOffset };
    else yield { ...stretch, kind: range.kind };
  }
}

/** As {@link resolveLayer} for a chain: `layers` leaf first, and what tells the runs of them all. */
export function* resolveChain(
  layers: readonly Pick<Layer, 'file'>[],
  source: RunSource,
  offset: number,
  length: number,
): Generator<ChainRange> {
  const depths = new Map(layers.map(({ file }, depth) => [file, depth]));
  for (const range of rangesOf(source, offset, length)) {
    const stretch = { offset: range.offset, length: range.length };
    if (range.kind !== 'data') yield { ...stretch, kind: 'zero' };
    else yield { ...stretch, kind: 'data', depth: depths.get(range.file)!, fileOffset: range.fileOffset };
  }
}
