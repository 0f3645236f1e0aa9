/**
 * Makes a disk larger or smaller in place. The size is one item of the metadata, so the disk has its old size or its new one
 * at any moment; what must be ready before a larger size shows is made ready before, what a smaller one leaves is tidied
 * after.
 */
import type { Progress } from '../../base/events.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { ZEROS } from '../../disk/zeros.ts';
import type { Editor } from '../edit/editor.ts';
import { replaceItem } from '../edit/metadata-edit.ts';
import { openEditor, openLocked } from '../edit/open.ts';
import { PAGE_BYTES } from '../edit/pages.ts';
import { moveBat } from '../edit/region-edit.ts';
import { BAT_ENTRY_BYTES, BLOCK, MIB, virtualDiskSizeItem } from '../format.ts';
import { checkedGeometry, sectorsIn, type Geometry } from '../geometry.ts';
import { readTables } from '../layer.ts';
import { readBlockBits } from '../sector-bitmap.ts';
import { clearEntriesBehind } from './bat-tidying.ts';
import { refuseChildren } from './children.ts';

/**
 * Resizes an open, writable file. Children on it are lost; nothing is asked about what a smaller size cuts off. Progress is
 * in blocks that a fixed disk gets.
 *
 * @param newDataWriteGuid the identity that the disk gets; a random one by default
 * @throws HyperfileError VHDX_GEOMETRY; nothing has changed then.
 */
export function* resize(
  file: BlockFile,
  sizeBytes: number,
  newDataWriteGuid?: string,
): Generator<Progress, void> {
  const editor = openEditor(file, newDataWriteGuid);
  const before = editor.layer.geometry;
  const after = checkedGeometry({ ...editor.layer.metadata, sizeBytes });
  if (sizeBytes !== before.sizeBytes) {
    editor.begin('data');
    if (sizeBytes > before.sizeBytes) {
      clearBehindEnd(editor);
      extendBat(editor, after);
    }
    replaceItem(editor, 'virtualDiskSize', virtualDiskSizeItem.encode({ sizeBytes }));
    editor.commit();
  }
  editor.finish();
  // Opened anew, everything is seen with its new size.
  const resized = openEditor(file, editor.dataWriteGuid);
  try {
    clearEntriesBehind(resized);
    if (resized.layer.metadata.leaveBlocksAllocated) yield* allocateAll(resized);
    const endMb = resized.space.usedEndMb();
    if (sizeBytes < before.sizeBytes && endMb < resized.space.endMb) resized.cutAfter(endMb);
  } finally {
    // Stopped or not: what is done is done.
    resized.finish();
  }
}

/** The last block may reach past the end of the disk: what it has there must be nothing when the disk gets there. */
function clearBehindEnd(editor: Editor): void {
  const { geometry, table, bitmapMb } = editor.layer;
  const block = geometry.blockCount - 1;
  const { logicalSectorBytes, sectorsPerBlock } = geometry;
  const end = sectorsIn(geometry, block);
  if (end === sectorsPerBlock) return;
  if (table.state(block) === BLOCK.FULLY_PRESENT) {
    const start = table.fileMb(block) * MIB;
    for (let at = end * logicalSectorBytes; at < geometry.blockBytes; at += ZEROS.length) {
      editor.file.writeAt(ZEROS, 0, Math.min(ZEROS.length, geometry.blockBytes - at), start + at);
    }
  }
  if (table.state(block) !== BLOCK.PARTIALLY_PRESENT) return;
  const bits = readBlockBits(editor.layer, block, 0, sectorsPerBlock);
  if (bits.clearRange(end, sectorsPerBlock) === 0) return;
  const { chunkRatio, bitmapBytesPerBlock } = geometry;
  const bitmapOffset = bitmapMb.get(Math.floor(block / chunkRatio))! * MIB;
  editor.makeRoom(1 + Math.ceil(bitmapBytesPerBlock / PAGE_BYTES));
  editor.pages.patch(bitmapOffset + (block % chunkRatio) * bitmapBytesPerBlock, bits.bytes());
}

/** Gives the block table room for more blocks, all of them absent. */
function extendBat(editor: Editor, after: Geometry): void {
  // Entries behind the end mean nothing so far, whatever they hold.
  clearEntriesBehind(editor);
  const neededBytes = after.batEntryCount * BAT_ENTRY_BYTES;
  if (neededBytes <= editor.regions.bat.length) return;
  const lengthMb = Math.ceil(neededBytes / MIB);
  moveBat(editor, editor.space.allocate(lengthMb).fileMb * MIB, lengthMb * MIB);
}

/** A fixed disk has all its blocks, and what was never written reads as zeros. */
function* allocateAll(editor: Editor): Generator<Progress, void> {
  const { geometry, table } = editor.layer;
  const countMb = geometry.blockBytes / MIB;
  for (let block = 0; block < geometry.blockCount; block++) {
    if (table.state(block) >= BLOCK.FULLY_PRESENT) continue;
    editor.begin('file');
    editor.makeRoom(1);
    const place = editor.space.allocate(countMb);
    // Written, so that the host's disk has room for it too.
    editor.space.clean(place);
    editor.setBlock(block, BLOCK.FULLY_PRESENT, place.fileMb);
    yield { done: block + 1, total: geometry.blockCount, unit: 'items' };
  }
}

/**
 * Resizes a disk file of the host.
 *
 * @param options.orphanChildren go on although other disks stand on this one
 * @throws HyperfileError VHDX_GEOMETRY, VHDX_HAS_CHILDREN, VHDX_IN_USE, and those of `openLayer`
 */
export function* resizeDisk(
  filePath: string,
  sizeBytes: number,
  options: { readonly orphanChildren?: boolean } = {},
): Generator<Progress, void> {
  const locked = openLocked(filePath);
  try {
    const { dataWriteGuid } = readTables(locked.file);
    if (!options.orphanChildren) refuseChildren(locked.file.path, dataWriteGuid);
    yield* resize(locked.file, sizeBytes);
  } finally {
    locked.close();
  }
}
