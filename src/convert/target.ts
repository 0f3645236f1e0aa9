/** What a disk is copied to. */
import { createRawDisk } from '../disk/file-disk.ts';
import { defaultBlockBytes } from '../vhdx/create.ts';
import { createFilledDisk } from '../vhdx/filled-disk.ts';
import { createFixedDisk } from '../vhdx/fixed-disk.ts';

/** A new disk of zeros that is filled once. */
export interface CopyTarget {
  write(source: Uint8Array, offset: number): void;
  /** Stores zeros: present where everything is to have its place. */
  zero?(offset: number, length: number): void;
  /** Makes the file complete. */
  seal(): void;
  close(): void;
}

export interface CopyTargetOptions {
  readonly format: 'vhdx' | 'raw';
  /** Everything gets its place in the file, zeros too. */
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
  if (options.format === 'raw') return rawTarget(filePath, sizeBytes, options.isFixed === true);
  const blockBytes = options.blockBytes ?? defaultBlockBytes(sizeBytes);
  const asked = { sizeBytes, logicalSectorBytes, physicalSectorBytes, blockBytes };
  return options.isFixed ? createFixedDisk(filePath, asked) : createFilledDisk(filePath, asked);
}

function rawTarget(filePath: string, sizeBytes: number, isFixed: boolean): CopyTarget {
  const disk = createRawDisk(filePath, sizeBytes);
  return {
    write: (source, offset) => disk.write(source, offset),
    ...(isFixed && { zero: (offset: number, length: number) => disk.zero(offset, length) }),
    seal: () => undefined,
    close: () => disk.close(),
  };
}
