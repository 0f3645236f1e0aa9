/**
 * Makes a file shorter without changing what its disk holds: blocks of zeros are dropped, what lies at the end moves into
 * the gaps, and the file is cut. Every move comes through the log, so it may be stopped at any moment and begun again.
 */
import type { Progress } from '../../base/events.ts';
import { readBytes } from '../../disk/block-file.ts';
import type { EditedBlocks } from '../edit/edited-blocks.ts';
import type { EditedDisk } from '../edit/edited-disk.ts';
import type { Editor } from '../edit/editor.ts';
import type { NewPlace, Place } from '../edit/file-space.ts';
import { openForChange } from '../edit/open.ts';
import { moveBat } from '../edit/region-edit.ts';
import { BLOCK, MIB } from '../format.ts';
import { dropBlocks, findIdleBlocks } from './zero-blocks.ts';

export interface Compacted {
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Blocks that held nothing but zeros. */
  readonly droppedBlocks: number;
  /** Parts of the file that changed their place. */
  readonly movedParts: number;
}

/** Something that lies in the file and may lie elsewhere. */
interface Part extends Place {
  /** Names the new place in the tables. */
  readonly moveTo: (place: NewPlace) => void;
}

const REPORT_PARTS = 64;

/** The disk stays open. Progress is in blocks looked at, then in parts moved. */
export function* compact(disk: EditedDisk): Generator<Progress, Compacted> {
  const { editor, blocks } = disk;
  const beforeBytes = editor.file.sizeBytes();
  const idle = yield* findIdleBlocks(blocks);
  yield* dropBlocks(blocks, idle);
  dropIdleBitmaps(editor);
  const movedParts = yield* moveDown(blocks);
  const endMb = editor.space.usedEndMb();
  if (endMb * MIB < editor.file.sizeBytes()) editor.cutAfter(endMb);
  return { beforeBytes, afterBytes: editor.file.sizeBytes(), droppedBlocks: idle.length, movedParts };
}

/**
 * Compacts a disk file of the host. Its children stay valid: the disk reads the same.
 * @throws HyperfileError VHDX_IN_USE, and those of `openLayers`
 */
export function* compactDisk(filePath: string): Generator<Progress, Compacted> {
  const disk = openForChange(filePath);
  try {
    return yield* compact(disk);
  } finally {
    disk.close();
  }
}

/** Sector bitmaps of chunks without partial blocks. */
function dropIdleBitmaps(editor: Editor): void {
  const { bitmapMb, table, geometry } = editor.layer;
  if (bitmapMb.size === 0) return;
  const needed = new Set<number>();
  for (const block of table.blocks()) {
    if (table.state(block) === BLOCK.PARTIALLY_PRESENT) needed.add(Math.floor(block / geometry.chunkRatio));
  }
  for (const chunk of [...bitmapMb.keys()].filter((chunk) => !needed.has(chunk))) {
    editor.begin('file');
    editor.makeRoom(1);
    editor.setBitmapBlock(chunk, 0);
  }
  editor.commit();
}

/** Moves parts from the end of the file into gaps, the last one first, as long as there are gaps before them. */
function* moveDown(blocks: EditedBlocks): Generator<Progress, number> {
  const { editor } = blocks;
  const parts = partsBehind(blocks, editor.space.usedMb());
  let moved = 0;
  for (const [i, part] of parts.entries()) {
    const place = editor.space.allocateBelow(part.countMb, part.fileMb);
    if (place === undefined) continue;
    editor.begin('file');
    editor.makeRoom(2);
    copyWithin(editor, part, place);
    part.moveTo(place);
    moved++;
    if (i % REPORT_PARTS === 0) yield { done: i, total: parts.length, unit: 'items' };
  }
  editor.commit();
  return moved;
}

/** All movable parts that end behind `endMb`, the last one first. */
function partsBehind({ editor }: EditedBlocks, endMb: number): Part[] {
  const { table, bitmapMb, geometry } = editor.layer;
  const countMb = geometry.blockBytes / MIB;
  const parts: Part[] = [];
  for (const block of table.blocks()) {
    const fileMb = table.fileMb(block);
    if (fileMb === 0 || fileMb + countMb <= endMb) continue;
    parts.push({
      fileMb,
      countMb,
      moveTo: (place) => editor.setBlock(block, table.state(block), place.fileMb),
    });
  }
  for (const [chunk, fileMb] of bitmapMb) {
    if (fileMb + 1 <= endMb) continue;
    parts.push({ fileMb, countMb: 1, moveTo: (place) => editor.setBitmapBlock(chunk, place.fileMb) });
  }
  const { fileOffset, length } = editor.regions.bat;
  if (fileOffset + length > endMb * MIB) {
    const moveTo = (place: NewPlace) => {
      // The table must be as it is in the file, and changes to it must not meet the move.
      editor.commit();
      moveBat(editor, place.fileMb * MIB, length);
      editor.commit();
    };
    parts.push({ fileMb: fileOffset / MIB, countMb: length / MIB, moveTo });
  }
  return parts.sort((a, b) => b.fileMb - a.fileMb);
}

function copyWithin({ file }: Editor, from: Place, to: Place): void {
  for (let i = 0; i < from.countMb; i++) {
    file.writeAt(readBytes(file, (from.fileMb + i) * MIB, MIB), 0, MIB, (to.fileMb + i) * MIB);
  }
}
