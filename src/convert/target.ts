/** What a disk is copied to. */
import type { WritableDisk } from '../disk/disk.ts';
import { createRawDisk } from '../disk/file-disk.ts';
import { defaultBlockBytes } from '../vhdx/create.ts';
import { createFixedDisk } from '../vhdx/fixed-disk.ts';
import { createDisk } from '../vhdx/sandbox.ts';

export interface CopyTarget {
  readonly disk: WritableDisk;
  /** Makes the file complete. */
  readonly finish: () => void;
}

export interface CopyTargetOptions {
  readonly format: 'vhdx' | 'raw';
  /** Everything gets its place in the file; whoever copies then writes everything. */
  readonly isFixed?: boolean;
  /** Of a VHDX. */
  readonly blockBytes?: number;
}

/** What a new disk takes over from the one that it is a copy of. */
interface Shape {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
}

/**
 * Makes a new file for a disk of zeros.
 * @throws HyperfileError DISK_EXISTS, DISK_FULL, DISK_IO, VHDX_GEOMETRY
 */
export function openTarget(filePath: string, shape: Shape, options: CopyTargetOptions): CopyTarget {
  const { sizeBytes, logicalSectorBytes, physicalSectorBytes } = shape;
  if (options.format === 'raw') return { disk: createRawDisk(filePath, sizeBytes), finish: () => undefined };
  const blockBytes = options.blockBytes ?? defaultBlockBytes(sizeBytes);
  const asked = { sizeBytes, logicalSectorBytes, physicalSectorBytes, blockBytes };
  const disk = options.isFixed ? createFixedDisk(filePath, asked) : createDisk(filePath, asked);
  return { disk, finish: () => disk.seal() };
}
