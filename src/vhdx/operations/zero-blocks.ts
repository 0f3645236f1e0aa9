/** Finds blocks that take room for nothing but zeros, and gives their room up. */
import type { Progress } from '../../base/events.ts';
import { readBytes, type BlockFile } from '../../disk/block-file.ts';
import { isZero } from '../../disk/zeros.ts';
import type { EditedBlocks } from '../edit/edited-blocks.ts';
import { BLOCK, MIB } from '../format.ts';
import { sectorsIn } from '../geometry.ts';
import { hasData } from '../zero-walk.ts';

/** Most blocks of data show themselves in their first bytes. */
const PROBE_BYTES = 4096;
/** How much is looked at between two reports. */
const REPORT_BLOCKS = 256;

/** A block and the state in which it reads the same without any room. */
export interface IdleBlock {
  readonly block: number;
  readonly state: number;
}

/** Reads all blocks of a disk; changes nothing. Progress is in blocks. A disk that keeps its blocks has none. */
export function* findIdleBlocks(blocks: EditedBlocks): Generator<Progress, IdleBlock[]> {
  const idle: IdleBlock[] = [];
  const { metadata, allocatedBlocks } = blocks.editor.layer;
  if (metadata.leaveBlocksAllocated) return idle;
  let done = 0;
  for (const block of blocks.table.blocks()) {
    const state = idleState(blocks, block);
    if (state !== undefined) idle.push({ block, state });
    if (blocks.table.state(block) < BLOCK.FULLY_PRESENT) continue;
    if (++done % REPORT_BLOCKS === 0) yield { done, total: allocatedBlocks, unit: 'items' };
  }
  return idle;
}

/** Gives the room of blocks up, a commit's worth at a time. */
export function* dropBlocks(blocks: EditedBlocks, idle: readonly IdleBlock[]): Generator<Progress, void> {
  const { editor } = blocks;
  if (idle.length > 0) editor.begin('file');
  for (const [i, { block, state }] of idle.entries()) {
    editor.makeRoom(1);
    blocks.drop(block, state);
    if (i % REPORT_BLOCKS === 0) yield { done: i, total: idle.length, unit: 'items' };
  }
  editor.commit();
}

/** The state in which a block reads the same without room; undefined when it needs its room, or has none. */
function idleState(blocks: EditedBlocks, block: number): number | undefined {
  const { table, geometry, below } = blocks;
  const state = table.state(block);
  // A soft anchor keeps room for a block that holds nothing.
  if (state < BLOCK.FULLY_PRESENT) return table.fileMb(block) === 0 ? undefined : state;
  const { blockBytes, logicalSectorBytes } = geometry;
  const start = table.fileMb(block) * MIB;
  const length = sectorsIn(geometry, block) * logicalSectorBytes;
  if (state === BLOCK.FULLY_PRESENT) {
    if (!isZeroInFile(blocks.file, start, length)) return undefined;
    return hasData(below, block * blockBytes, length) ? BLOCK.ZERO : BLOCK.NOT_PRESENT;
  }
  for (const { start: first, end } of blocks.bitsOf(block).runs()) {
    const [from, count] = [first * logicalSectorBytes, (end - first) * logicalSectorBytes];
    if (hasData(below, block * blockBytes + from, count)) return undefined;
    if (!isZeroInFile(blocks.file, start + from, count)) return undefined;
  }
  return BLOCK.NOT_PRESENT;
}

function isZeroInFile(file: BlockFile, fileOffset: number, length: number): boolean {
  for (let at = 0, count = PROBE_BYTES; at < length; at += count, count = MIB) {
    count = Math.min(count, length - at);
    if (!isZero(readBytes(file, fileOffset + at, count), 0, count)) return false;
  }
  return true;
}
