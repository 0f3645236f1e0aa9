/** The block allocation table as a whole: reading it into memory, writing it sparsely (MS-VHDX section 2.5). */
import type { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { putBatEntry } from './bat-entry.ts';
import { scanBat, type BatScan } from './bat-scan.ts';
import { BlockTable } from './block-table.ts';
import { STRICT } from './findings.ts';
import { BAT_ENTRY_BYTES, BITMAP_PRESENT } from './format.ts';
import { bitmapEntryIndex, payloadEntryIndex, type Geometry } from './geometry.ts';
import type { Region } from './region.ts';

const PAGE_BYTES = 4096;

export interface Bat extends BatScan {
  /** A block of state UNDEFINED or UNMAPPED may have a place: a soft anchor, kept for when it is written again. */
  readonly table: BlockTable;
  /**
   * A bit for every megabyte of the file, set where anything lies, soft anchors included. Longer than the file when that
   * ends in the middle of its last block.
   */
  readonly used: Bitmap;
}

/**
 * Reads the whole table. `used` are the megabytes of the file where no block may lie; it is taken over.
 * @throws HyperfileError of {@link scanBat}.
 */
export function readBat(file: BlockFile, region: Region, geometry: Geometry, used: Bitmap): Bat {
  const table = new BlockTable(geometry.blockCount);
  const { bitmapMb, allocatedBlocks, endMb } = scanBat(file, region, geometry, used, STRICT, {
    block: (block, state, fileMb) => table.set(block, state, fileMb),
    blocks: (first, count, state) => table.fill(first, count, state, 0, 0),
  });
  return { table, bitmapMb, allocatedBlocks, endMb, used: extendedTo(endMb, used) };
}

/** The end of a block that the file cuts off is in use too: nothing else may come to lie there. */
function extendedTo(endMb: number, used: Bitmap): Bitmap {
  if (endMb <= used.length) return used;
  const extended = used.extended(endMb);
  extended.setRange(used.length, endMb);
  return extended;
}

/** Writes the pages of a table that hold something, into a region that is a hole so far. */
export function writeBat(
  file: BlockFile,
  batOffset: number,
  geometry: Geometry,
  bat: Pick<Bat, 'table' | 'bitmapMb'>,
): void {
  const pages = new Map<number, DataView>();
  const put = (index: number, state: number, fileMb: number): void => {
    const page = Math.floor((index * BAT_ENTRY_BYTES) / PAGE_BYTES);
    let view = pages.get(page);
    if (view === undefined) pages.set(page, (view = new DataView(new ArrayBuffer(PAGE_BYTES))));
    putBatEntry(view, index * BAT_ENTRY_BYTES - page * PAGE_BYTES, state, fileMb);
  };
  for (const block of bat.table.blocks()) {
    put(payloadEntryIndex(geometry, block), bat.table.state(block), bat.table.fileMb(block));
  }
  for (const [chunk, fileMb] of bat.bitmapMb) put(bitmapEntryIndex(geometry, chunk), BITMAP_PRESENT, fileMb);
  for (const [page, view] of pages) {
    file.writeAt(new Uint8Array(view.buffer), 0, PAGE_BYTES, batOffset + page * PAGE_BYTES);
  }
}
