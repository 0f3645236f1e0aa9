/**
 * A leaf written anew without what was discarded. A file can only give back space at its end; where a step wrote much and
 * deleted it again, copying what counts into a fresh file is cheaper than carrying the rest in the layer forever.
 */
import { readBytes } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { MIB } from './format.ts';
import { sectorsIn } from './geometry.ts';
import type { Leaf } from './leaf.ts';

/** Below this, zeros over the discarded data do as well. */
const MIN_STALE_BYTES = 64 * 1024;
/** Rewriting must save at least one byte for so many that it copies. */
const MAX_COPIED_PER_SAVED = 4;
/** Zeros inside full blocks stay holes at this grain. */
const PIECE_BYTES = 64 * 1024;

/** True when rewriting saves enough for what it costs. */
export function isWorthRewriting(leaf: Leaf): boolean {
  leaf.space.holes();
  const stale = leaf.space.staleBytes();
  return stale >= MIN_STALE_BYTES && stale * MAX_COPIED_PER_SAVED >= liveBytes(leaf);
}

function liveBytes(leaf: Leaf): number {
  let sectors = 0;
  for (const block of leaf.table.blocks()) {
    if (leaf.table.fileMb(block) === 0) continue;
    sectors += leaf.bits.get(block)?.count ?? sectorsIn(leaf.geometry, block);
  }
  return sectors * leaf.geometry.logicalSectorBytes;
}

/** Copies what counts of `from` into `to`, an empty leaf of the same geometry. */
export function copyLeaf(from: Leaf, to: Leaf): void {
  const { table, geometry } = from;
  for (const block of table.blocks()) {
    const fileMb = table.fileMb(block);
    if (fileMb === 0) {
      to.table.set(block, table.state(block), 0);
      continue;
    }
    const place = to.space.allocate();
    const bits = from.bits.get(block);
    const whole = [{ start: 0, end: sectorsIn(geometry, block) }];
    for (const { start, end } of bits?.runs() ?? whole) {
      const sector = geometry.logicalSectorBytes;
      copyBytes(
        from,
        to,
        fileMb * MIB + start * sector,
        place * MIB + start * sector,
        (end - start) * sector,
      );
    }
    if (bits) to.bits.set(block, bits);
    to.table.set(block, table.state(block), place);
    if (from.zeroed.has(block)) to.zeroed.add(block);
  }
}

function copyBytes(from: Leaf, to: Leaf, fromOffset: number, toOffset: number, length: number): void {
  for (let done = 0; done < length; done += PIECE_BYTES) {
    const count = Math.min(PIECE_BYTES, length - done);
    const bytes = readBytes(from.file, fromOffset + done, count);
    if (!isZero(bytes, 0, count)) to.file.writeAt(bytes, 0, count, toOffset + done);
  }
}
