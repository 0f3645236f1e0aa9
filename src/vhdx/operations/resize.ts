/**
 * Makes a disk larger or smaller in place. The size is one item of the metadata, so the disk has its old size or its new one
 * at any moment; what must be ready before a larger size shows is made ready before, what a smaller one leaves is tidied
 * after.
 */
import type { Progress } from '../../base/events.ts';
import { randomGuid } from '../../bytes/guid.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { ZEROS } from '../../disk/zeros.ts';
import { closeLayers, openLayers } from '../ancestry.ts';
import { BlockTable } from '../block-table.ts';
import { ChainIndex } from '../chain-index.ts';
import { EditedBlocks } from '../edit/edited-blocks.ts';
import { Editor } from '../edit/editor.ts';
import { replaceItem } from '../edit/metadata-edit.ts';
import { openEditor, openLocked } from '../edit/open.ts';
import { PAGE_BYTES } from '../edit/pages.ts';
import { moveBat } from '../edit/region-edit.ts';
import { BAT_ENTRY_BYTES, BLOCK, MIB, virtualDiskSizeItem } from '../format.ts';
import { checkedGeometry, sectorsIn, type Geometry } from '../geometry.ts';
import { readLayer, type Layer } from '../layer.ts';
import { readBlockBits } from '../sector-bitmap.ts';
import { clearEntriesBehind } from './bat-tidying.ts';
import { refuseChildren } from './children.ts';

/**
 * Resizes an open, writable file; `below` are the layers under it, leaf first. What the disk gains reads as zeros, whatever
 * a larger parent holds there. Children on it are lost; nothing is asked about what a smaller size cuts off. Progress is in
 * blocks that a fixed disk gets.
 *
 * @param newDataWriteGuid the identity that the disk gets; a random one by default
 * @throws HyperfileError VHDX_GEOMETRY; nothing has changed then.
 */
export function* resize(
  file: BlockFile,
  below: readonly Layer[],
  sizeBytes: number,
  newDataWriteGuid: string = randomGuid(),
): Generator<Progress, void> {
  const { geometry: before, metadata } = readLayer(file);
  const after = checkedGeometry({ ...metadata, sizeBytes });
  if (sizeBytes > before.sizeBytes) makeReady(file, below, after, newDataWriteGuid);
  if (sizeBytes !== before.sizeBytes) changeSize(file, sizeBytes, newDataWriteGuid);
  yield* tidy(file, sizeBytes < before.sizeBytes, newDataWriteGuid);
}

/** Before a larger size shows: room in the block table, and zeros wherever the disk will reach. */
function makeReady(
  file: BlockFile,
  below: readonly Layer[],
  after: Geometry,
  newDataWriteGuid: string,
): void {
  const editor = openEditor(file, newDataWriteGuid);
  editor.begin('data');
  const before = editor.layer.geometry;
  clearBehindEnd(editor);
  extendBat(editor, after);
  editor.finish();
  const shownBytes = Math.min(after.sizeBytes, below[0]?.geometry.sizeBytes ?? 0);
  if (shownBytes <= before.sizeBytes) return;
  // As if the disk had its new size: entries behind the end mean nothing until it has.
  const layer = readLayer(file);
  const table = new BlockTable(after.blockCount);
  for (const block of layer.table.blocks()) {
    table.set(block, layer.table.state(block), layer.table.fileMb(block));
  }
  const wide = new Editor({ ...layer, geometry: after, table }, newDataWriteGuid);
  const blocks = new EditedBlocks(wide, new ChainIndex(below, after.logicalSectorBytes));
  blocks.zero(before.sizeBytes, shownBytes - before.sizeBytes);
  wide.finish();
}

function changeSize(file: BlockFile, sizeBytes: number, newDataWriteGuid: string): void {
  const editor = openEditor(file, newDataWriteGuid);
  editor.begin('data');
  replaceItem(editor, 'virtualDiskSize', virtualDiskSizeItem.encode({ sizeBytes }));
  editor.finish();
}

/** After the size has changed: no entries behind the end, all blocks of a fixed disk, and no more file than that needs. */
function* tidy(file: BlockFile, cuts: boolean, newDataWriteGuid: string): Generator<Progress, void> {
  const editor = openEditor(file, newDataWriteGuid);
  try {
    clearEntriesBehind(editor);
    const { leaveBlocksAllocated, hasParent } = editor.layer.metadata;
    // Blocks that a difference does not have are its parent's.
    if (leaveBlocksAllocated && !hasParent) yield* allocateAll(editor);
    const endMb = editor.space.usedEndMb();
    if (cuts && endMb < editor.space.endMb) editor.cutAfter(endMb);
  } finally {
    // Stopped or not: what is done is done.
    editor.finish();
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
 * @throws HyperfileError VHDX_GEOMETRY, VHDX_HAS_CHILDREN, VHDX_IN_USE, and those of `openLayers`
 */
export function* resizeDisk(
  filePath: string,
  sizeBytes: number,
  options: { readonly orphanChildren?: boolean } = {},
): Generator<Progress, void> {
  const locked = openLocked(filePath);
  try {
    const [leaf, ...below] = openLayers(locked.file.path);
    leaf.file.close();
    try {
      if (!options.orphanChildren) refuseChildren(locked.file.path, leaf.dataWriteGuid);
      yield* resize(locked.file, below, sizeBytes);
    } finally {
      closeLayers(below);
    }
  } finally {
    locked.close();
  }
}
