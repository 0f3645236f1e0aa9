/** How a disk divides into blocks and chunks, and where their entries lie in the BAT (MS-VHDX section 2.5). */
import { HyperfileError } from '../base/error.ts';
import { MAX_BLOCK_BYTES, MAX_DISK_BYTES, MIB, MIN_BLOCK_BYTES, SECTORS_PER_CHUNK } from './format.ts';

/** What a file says about its disk. */
export interface DiskShape {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly logicalSectorBytes: number;
  readonly hasParent: boolean;
}

export interface Geometry extends DiskShape {
  readonly blockCount: number;
  readonly sectorsPerBlock: number;
  /** Blocks that share one sector bitmap block. */
  readonly chunkRatio: number;
  readonly chunkCount: number;
  readonly batEntryCount: number;
  /** Bytes of a sector bitmap block that belong to one payload block. */
  readonly bitmapBytesPerBlock: number;
}

/** Derives the rest from a shape that {@link shapeProblems} have nothing against. */
export function geometryOf(shape: DiskShape): Geometry {
  const { sizeBytes, blockBytes, logicalSectorBytes } = shape;
  const chunkRatio = (SECTORS_PER_CHUNK * logicalSectorBytes) / blockBytes;
  const blockCount = Math.ceil(sizeBytes / blockBytes);
  const chunkCount = Math.ceil(blockCount / chunkRatio);
  return {
    sizeBytes,
    blockBytes,
    logicalSectorBytes,
    hasParent: shape.hasParent,
    blockCount,
    sectorsPerBlock: blockBytes / logicalSectorBytes,
    chunkRatio,
    chunkCount,
    batEntryCount: shape.hasParent
      ? chunkCount * (chunkRatio + 1)
      : blockCount + Math.floor((blockCount - 1) / chunkRatio),
    bitmapBytesPerBlock: MIB / chunkRatio,
  };
}

export interface ShapeProblem {
  readonly what: 'sectors' | 'blocks' | 'size';
  readonly problem: string;
}

/** What the format has against a shape. */
export function shapeProblems(shape: DiskShape): ShapeProblem[] {
  const { sizeBytes, blockBytes, logicalSectorBytes } = shape;
  const problems: ShapeProblem[] = [];
  if (!isSectorSize(logicalSectorBytes)) {
    problems.push({ what: 'sectors', problem: `sectors of ${logicalSectorBytes} bytes` });
  }
  const isPowerOfTwo = Number.isInteger(Math.log2(blockBytes));
  if (!isPowerOfTwo || blockBytes < MIN_BLOCK_BYTES || blockBytes > MAX_BLOCK_BYTES) {
    problems.push({ what: 'blocks', problem: `blocks of ${blockBytes} bytes` });
  }
  const size = `a size of ${sizeBytes} bytes`;
  if (!(sizeBytes > 0 && sizeBytes <= MAX_DISK_BYTES)) problems.push({ what: 'size', problem: size });
  else if (sizeBytes % logicalSectorBytes !== 0) {
    problems.push({ what: 'size', problem: `${size}, which is not whole sectors` });
  }
  return problems;
}

/** Whether logical and physical sectors can have this size. */
export function isSectorSize(bytes: number): boolean {
  return bytes === 512 || bytes === 4096;
}

const ALLOWED: Readonly<Record<ShapeProblem['what'], string>> = {
  sectors: 'A sector has 512 or 4096 bytes.',
  blocks: 'A block has 1, 2, 4, 8, 16, 32, 64, 128 or 256 MiB.',
  size: 'A disk has whole sectors, and at most 64 TiB; write its size like 64G or 512MiB.',
};

/** @throws HyperfileError VHDX_GEOMETRY for a shape that the format does not allow. */
export function checkedGeometry(shape: DiskShape): Geometry {
  const [first] = shapeProblems(shape);
  if (first !== undefined) {
    const { problem, what } = first;
    throw new HyperfileError('VHDX_GEOMETRY', { data: { problem }, hint: ALLOWED[what] });
  }
  return geometryOf(shape);
}

/** Index of a payload block's entry in the BAT. */
export function payloadEntryIndex(geometry: Geometry, block: number): number {
  return block + Math.floor(block / geometry.chunkRatio);
}

/** Index of the sector bitmap entry that follows a chunk's payload entries. */
export function bitmapEntryIndex(geometry: Geometry, chunk: number): number {
  return (chunk + 1) * geometry.chunkRatio + chunk;
}

/** Sectors of a block that lie on the disk: fewer than usual only in a last block that is cut. */
export function sectorsIn(geometry: Geometry, block: number): number {
  const rest = (geometry.sizeBytes - block * geometry.blockBytes) / geometry.logicalSectorBytes;
  return Math.min(geometry.sectorsPerBlock, rest);
}
