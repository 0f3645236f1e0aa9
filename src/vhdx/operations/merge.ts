/**
 * Merges a differencing disk into its parent, which then reads as the difference did. The difference reads the same at every
 * moment, so a merge that was stopped or killed is finished by merging again:
 *
 *   1. the difference notes the identity that the parent will have (parent_linkage2)
 *   2. the parent takes that identity, and the difference's data, some at a time
 *   3. what the parent has for good, the difference drops
 */
import type { Progress } from '../../base/events.ts';
import { HyperfileError } from '../../base/error.ts';
import { randomGuid } from '../../bytes/guid.ts';
import { readBytes, type BlockFile } from '../../disk/block-file.ts';
import { ChainIndex } from '../chain-index.ts';
import { EditedBlocks } from '../edit/edited-blocks.ts';
import { EditedDisk } from '../edit/edited-disk.ts';
import type { Editor } from '../edit/editor.ts';
import { replaceItem } from '../edit/metadata-edit.ts';
import { openEditor } from '../edit/open.ts';
import { BLOCK, MIB, sectorSizeItem, virtualDiskIdItem } from '../format.ts';
import { sectorsIn } from '../geometry.ts';
import type { Layer } from '../layer.ts';
import { relink } from './rebase.ts';
import { resize } from './resize.ts';

/** How much the parent takes in before it is made durable. */
const BATCH_BYTES = 256 * MIB;

/**
 * Merges an open, writable difference into its open, writable parent; `below` are the layers under the parent. Afterwards
 * the difference is empty and stands on the parent as it is now. Progress is in blocks of the difference.
 *
 * @returns the identity that the parent has now
 * @throws HyperfileError VHDX_NO_PARENT, VHDX_MERGE_SIZES; nothing has changed then.
 */
export function* mergeFiles(
  child: BlockFile,
  parent: BlockFile,
  below: readonly Layer[],
): Generator<Progress, string> {
  const childEditor = openEditor(child);
  try {
    const target = yield* prepare(childEditor, parent, below);
    const parentDisk = new EditedDisk(openEditor(parent, target), below);
    try {
      yield* takeIn(childEditor, parentDisk);
      takeDescription(childEditor, parentDisk.editor);
    } finally {
      parentDisk.editor.finish();
    }
    relink(childEditor, { path: parent.path, dataWriteGuid: target });
    return target;
  } finally {
    childEditor.finish();
  }
}

/** Steps 1 and, where the difference is larger, the parent's new size. Returns the identity that the parent will have. */
function* prepare(
  childEditor: Editor,
  parent: BlockFile,
  below: readonly Layer[],
): Generator<Progress, string> {
  const { locator, geometry, path } = childEditor.layer;
  if (locator === undefined) throw new HyperfileError('VHDX_NO_PARENT', { data: { path } });
  const { layer } = openEditor(parent);
  const [from, to] = [layer.geometry.sizeBytes, geometry.sizeBytes];
  if (to < from) throw new HyperfileError('VHDX_MERGE_SIZES', { data: { path, from, to } });
  const [linkage, linkage2] = locator.linkage;
  const target = linkage2 ?? randomGuid();
  if (linkage2 === undefined) {
    relink(childEditor, { path: parent.path, dataWriteGuid: linkage }, target);
    childEditor.commit();
  }
  if (to > from) yield* resize(parent, below, to, target);
  return target;
}

/** Steps 2 and 3. */
function* takeIn(childEditor: Editor, parentDisk: EditedDisk): Generator<Progress, void> {
  const { layer } = childEditor;
  // What shows through the difference does not matter here.
  const child = new EditedBlocks(childEditor, new ChainIndex([], layer.geometry.logicalSectorBytes));
  const total = [...layer.table.blocks()].length;
  parentDisk.editor.begin('data');
  childEditor.begin('file');
  let taken: number[] = [];
  let takenBytes = 0;
  let done = 0;
  const settle = () => {
    parentDisk.flush();
    for (const block of taken) {
      childEditor.makeRoom(1);
      child.drop(block, BLOCK.NOT_PRESENT);
    }
    childEditor.commit();
    done += taken.length;
    [taken, takenBytes] = [[], 0];
  };
  for (const block of child.table.blocks()) {
    takenBytes += takeBlock(child, block, parentDisk);
    taken.push(block);
    if (takenBytes >= BATCH_BYTES) settle();
    yield { done: done + taken.length, total, unit: 'items' };
  }
  settle();
}

/** Gives the parent what a block of the difference holds. Returns how many bytes were copied. */
function takeBlock(child: EditedBlocks, block: number, parentDisk: EditedDisk): number {
  const { table, geometry, file } = child;
  const { blockBytes, logicalSectorBytes } = geometry;
  const state = table.state(block);
  const all = { start: 0, end: sectorsIn(geometry, block) };
  if (state < BLOCK.FULLY_PRESENT) {
    if (state !== BLOCK.NOT_PRESENT) parentDisk.zero(block * blockBytes, all.end * logicalSectorBytes);
    return 0;
  }
  const runs = state === BLOCK.PARTIALLY_PRESENT ? child.bitsOf(block).runs() : [all];
  let copied = 0;
  for (const { start, end } of runs) {
    const length = (end - start) * logicalSectorBytes;
    for (let at = start * logicalSectorBytes, left = length; left > 0;) {
      const count = Math.min(MIB - (at % MIB), left);
      parentDisk.write(readBytes(file, table.fileMb(block) * MIB + at, count), block * blockBytes + at);
      at += count;
      left -= count;
    }
    copied += length;
  }
  return copied;
}

/** What describes the virtual disk comes from the difference (MS-VHDX section 2.6.1.2, IsVirtualDisk). */
function takeDescription(from: Editor, to: Editor): void {
  const [theirs, ours] = [from.layer.metadata, to.layer.metadata];
  to.begin('data');
  if (theirs.virtualDiskId !== ours.virtualDiskId) {
    replaceItem(to, 'virtualDiskId', virtualDiskIdItem.encode({ id: theirs.virtualDiskId }));
  }
  if (theirs.physicalSectorBytes !== ours.physicalSectorBytes) {
    const item = sectorSizeItem.encode({ sectorBytes: theirs.physicalSectorBytes });
    replaceItem(to, 'physicalSectorSize', item);
  }
}
