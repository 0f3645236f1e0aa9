/** What a new disk without a parent says about itself. */
import { randomGuid } from '../bytes/guid.ts';
import { MIB } from './format.ts';
import type { Metadata } from './metadata.ts';

export interface NewDiskOptions {
  readonly sizeBytes: number;
  /** Default 1 MiB. */
  readonly blockBytes?: number;
  /** 512 (default) or 4096. */
  readonly logicalSectorBytes?: number;
  /** 512 or 4096 (default). */
  readonly physicalSectorBytes?: number;
}

/** What a disk and a difference are made with unless told otherwise: the least that a small change takes. */
export const DEFAULT_BLOCK_BYTES = MIB;

/** @param isFixed Every block is there from the beginning on, and stays. */
export function newDiskMetadata(options: NewDiskOptions, isFixed: boolean): Metadata {
  return {
    sizeBytes: options.sizeBytes,
    blockBytes: options.blockBytes ?? DEFAULT_BLOCK_BYTES,
    logicalSectorBytes: options.logicalSectorBytes ?? 512,
    physicalSectorBytes: options.physicalSectorBytes ?? 4096,
    virtualDiskId: randomGuid(),
    hasParent: false,
    leaveBlocksAllocated: isFixed,
  };
}
