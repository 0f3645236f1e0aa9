/** Gives up what a disk need not hold: a range that may be lost, or blocks of zeros. */
import type { Progress } from '../../base/events.ts';
import { checkRange } from '../../disk/range.ts';
import type { EditedDisk } from '../edit/edited-disk.ts';
import { openForChange } from '../edit/open.ts';
import { refuseChildren } from './children.ts';
import { dropBlocks, findIdleBlocks } from './zero-blocks.ts';

/** Bytes of a disk. */
export interface DiskRange {
  readonly offset: number;
  readonly length: number;
}

export interface Trimmed {
  /** Blocks whose place in the file is free now. */
  readonly freedBlocks: number;
}

/** How much is discarded between two reports. */
const REPORT_BYTES = 1024 ** 3;

/**
 * Trims a disk file of the host. Without a range only blocks of zeros are given up and the disk reads the same; a range
 * reads as zeros afterwards, and children on the disk are lost. The file does not become shorter: what is free in it is used
 * again, or given back by `compactDisk`. A disk that keeps its blocks (a fixed one) gives up none.
 *
 * @throws HyperfileError DISK_OUT_OF_RANGE, VHDX_HAS_CHILDREN, VHDX_IN_USE, and those of `openLayers`
 */
export function* trimDisk(
  filePath: string,
  range?: DiskRange,
  options: { readonly orphanChildren?: boolean } = {},
): Generator<Progress, Trimmed> {
  const disk = openForChange(filePath);
  try {
    if (range === undefined) {
      const idle = yield* findIdleBlocks(disk.blocks);
      yield* dropBlocks(disk.blocks, idle);
      return { freedBlocks: idle.length };
    }
    checkRange(disk.sizeBytes, range.offset, range.length);
    if (!options.orphanChildren) refuseChildren(disk.editor.file.path, disk.editor.dataWriteGuid);
    const before = placesOf(disk);
    yield* discard(disk, range);
    return { freedBlocks: before - placesOf(disk) };
  } finally {
    disk.close();
  }
}

function* discard(disk: EditedDisk, { offset, length }: DiskRange): Generator<Progress, void> {
  for (let done = 0; done < length;) {
    const count = Math.min(REPORT_BYTES, length - done);
    disk.zero(offset + done, count);
    done += count;
    yield { done, total: length, unit: 'bytes' };
  }
  disk.flush();
}

function placesOf(disk: EditedDisk): number {
  const { table } = disk.blocks;
  let count = 0;
  for (const block of table.blocks()) if (table.fileMb(block) !== 0) count++;
  return count;
}
