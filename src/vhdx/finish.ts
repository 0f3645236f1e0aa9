/** Turns a leaf into a finished VHDX file. */
import { Bitmap } from '../bytes/bitmap.ts';
import { readBytes } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { writeTables } from './file-layout.ts';
import { BLOCK, MIB } from './format.ts';
import { sectorsIn } from './geometry.ts';
import type { Leaf } from './leaf.ts';
import type { Metadata } from './metadata.ts';
import { writeChunkBits } from './sector-bitmap.ts';

/**
 * Writes what a leaf keeps in memory: bitmaps, block table, metadata, headers. Blocks that turned out to be zeros are
 * dropped, places that are not used any more are closed, and no old data are left where nothing points.
 *
 * @returns where the sector bitmap of each chunk is, in MiB
 */
export function finishLeaf(leaf: Leaf, metadata: Metadata, dataWriteGuid: string): Map<number, number> {
  const { file, geometry, space, table } = leaf;
  try {
    dropZeroBlocks(leaf);
    fillHoles(leaf);
    space.cut();
    space.cleanAll();
    if (!metadata.hasParent) completeBlocks(leaf);
    const bitmapMb = writeBitmaps(leaf);
    file.truncate((space.endMb + bitmapMb.size) * MIB);
    writeTables(file, { metadata, geometry, bat: { table, bitmapMb }, dataWriteGuid });
    return bitmapMb;
  } catch (error) {
    // The leaf may go on: bitmaps behind its last block must not pass for payload of its next one.
    space.cut();
    throw error;
  }
}

function dropZeroBlocks(leaf: Leaf): void {
  const { table, geometry, file } = leaf;
  for (const block of [...leaf.zeroed]) {
    if (table.state(block) !== BLOCK.FULLY_PRESENT) continue;
    const length = sectorsIn(geometry, block) * geometry.logicalSectorBytes;
    let zero = true;
    for (let at = 0; at < length && zero; at += MIB) {
      const count = Math.min(MIB, length - at);
      zero = isZero(readBytes(file, table.fileMb(block) * MIB + at, count), 0, count);
    }
    if (zero) leaf.makeZero(block);
  }
}

/** Moves the last blocks into places that were freed, so that the file can end earlier. */
function fillHoles(leaf: Leaf): void {
  const { table, space, geometry } = leaf;
  let holes = space.holes();
  if (holes.length === 0) return;
  const byPlace = new Map<number, number>();
  for (const block of table.blocks()) if (table.fileMb(block) !== 0) byPlace.set(table.fileMb(block), block);
  const blockMb = geometry.blockBytes / MIB;
  while (holes.length > 0) {
    const hole = holes[0];
    const last = space.endMb - blockMb;
    moveBlock(leaf, byPlace.get(last)!, last, hole);
    space.moved(hole);
    holes = space.holes();
  }
}

function moveBlock(leaf: Leaf, block: number, from: number, to: number): void {
  const { table, bits, space, geometry, file } = leaf;
  const sectorBytes = geometry.logicalSectorBytes;
  const sectorsPerStep = MIB / sectorBytes;
  const live = bits.get(block) ?? allOf(sectorsIn(geometry, block), geometry.sectorsPerBlock);
  for (const { start, end } of live.runs()) {
    for (let at = start; at < end; at += sectorsPerStep) {
      const count = Math.min(sectorsPerStep, end - at) * sectorBytes;
      file.writeAt(
        readBytes(file, from * MIB + at * sectorBytes, count),
        0,
        count,
        to * MIB + at * sectorBytes,
      );
    }
    space.wrote(to, start, end);
  }
  table.set(block, table.state(block), to);
}

function allOf(sectorCount: number, length: number): Bitmap {
  const bits = new Bitmap(length);
  bits.setRange(0, sectorCount);
  return bits;
}

/** Without a parent there are no partial blocks: what a block does not own reads as zeros, and so does its hole. */
function completeBlocks(leaf: Leaf): void {
  for (const block of leaf.bits.keys()) leaf.table.set(block, BLOCK.FULLY_PRESENT, leaf.table.fileMb(block));
  leaf.bits.clear();
}

/** Writes the bits of partial blocks behind the last block; returns where each chunk's are, in MiB. */
function writeBitmaps(leaf: Leaf): Map<number, number> {
  const chunks = new Map<number, [number, Bitmap][]>();
  for (const [block, bits] of leaf.bits) {
    const chunk = Math.floor(block / leaf.geometry.chunkRatio);
    const blocks = chunks.get(chunk);
    if (blocks) blocks.push([block, bits]);
    else chunks.set(chunk, [[block, bits]]);
  }
  const places = new Map<number, number>();
  let endMb = leaf.space.endMb;
  for (const [chunk, blocks] of chunks) {
    writeChunkBits(leaf.file, endMb, leaf.geometry, blocks);
    places.set(chunk, endMb++);
  }
  return places;
}
