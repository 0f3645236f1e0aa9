/** What a disk is copied from: where its bytes lie in files, so that they can be read ahead and holes be passed over. */
import type { BlockFile } from '../disk/block-file.ts';
import { openHostFile } from '../disk/host-file.ts';
import { openChain, type ChainDisk } from '../vhdx/chain.ts';
import { unusable } from './formats.ts';
import { dataRanges, type FileRange } from './sparse-map.ts';

export interface CopySource {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  /** What the disk holds, in order; what lies between reads as zeros. */
  data(): Iterable<DataRange>;
  /** Fills `target` with what lies at `offset`. */
  read(target: Uint8Array, offset: number): void;
  close(): void;
}

/** Bytes of a disk, and where they lie. */
export interface DataRange {
  /** On the disk. */
  readonly offset: number;
  readonly length: number;
  readonly file: BlockFile;
  readonly fileOffset: number;
}

/**
 * A VHDX with the disks below it: leaf first down to the base, or found from the leaf.
 * @throws HyperfileError as {@link openChain}
 */
export function vhdxSource(chain: string | readonly string[]): CopySource {
  const disk = openChain(chain);
  return {
    sizeBytes: disk.sizeBytes,
    logicalSectorBytes: disk.logicalSectorBytes,
    physicalSectorBytes: disk.layers[0].metadata.physicalSectorBytes,
    data: () => chainData(disk),
    read: (target, offset) => disk.read(target, offset),
    close: () => disk.close(),
  };
}

function* chainData(disk: ChainDisk): Generator<DataRange> {
  for (const range of disk.resolve()) {
    if (range.kind !== 'data') continue;
    const { offset, length, fileOffset } = range;
    yield { offset, length, fileOffset, file: disk.layers[range.depth].file };
  }
}

const SECTOR_BYTES = 512;
/** As new VHDX have it: what most disks are by now. */
const PHYSICAL_SECTOR_BYTES = 4096;

/**
 * A raw image. What is missing of its last sector reads as zeros.
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_UNUSABLE, DISK_IO
 */
export async function rawSource(filePath: string): Promise<CopySource> {
  const file = openHostFile(filePath);
  try {
    if (file.sizeBytes() === 0) throw unusable(filePath, 'it is empty');
    return new RawSource(file, await dataRanges(filePath));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A file whose first bytes are those of the disk. */
export class RawSource implements CopySource {
  readonly sizeBytes: number;
  readonly logicalSectorBytes = SECTOR_BYTES;
  readonly physicalSectorBytes: number;
  readonly #file: BlockFile;
  readonly #dataBytes: number;
  readonly #data: readonly FileRange[];

  /**
   * @param data what of the file is no hole, in order
   * @param shape how much of the file is the disk; default all of it
   */
  constructor(
    file: BlockFile,
    data: readonly FileRange[],
    shape: { readonly dataBytes?: number; readonly physicalSectorBytes?: number } = {},
  ) {
    this.#file = file;
    this.#dataBytes = shape.dataBytes ?? file.sizeBytes();
    this.#data = data;
    this.sizeBytes = Math.ceil(this.#dataBytes / SECTOR_BYTES) * SECTOR_BYTES;
    this.physicalSectorBytes = shape.physicalSectorBytes ?? PHYSICAL_SECTOR_BYTES;
  }

  *data(): Generator<DataRange> {
    for (const { fileOffset, length } of this.#data) {
      const inside = Math.min(length, this.#dataBytes - fileOffset);
      if (inside > 0) yield { offset: fileOffset, length: inside, file: this.#file, fileOffset };
    }
  }

  read(target: Uint8Array, offset: number): void {
    const count = Math.min(target.length, Math.max(0, this.#dataBytes - offset));
    this.#file.readAt(target, 0, count, offset);
    target.fill(0, count);
  }

  close(): void {
    this.#file.close();
  }
}
