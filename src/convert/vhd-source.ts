/** A VHD as something to copy, fixed or dynamic. */
import { isZero } from '../disk/zeros.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { openHostFile } from '../disk/host-file.ts';
import { checkRange } from '../disk/range.ts';
import { RawSource, type CopySource, type DataRange } from './source.ts';
import { dataRanges } from './sparse-map.ts';
import { NO_BLOCK, readVhdLayout, SECTOR_BYTES, type DynamicLayout } from './vhd-format.ts';

/** Windows shows a VHD with these, and keeps them when it converts one. */
const PHYSICAL_SECTOR_BYTES = 512;

/**
 * Opens a VHD that holds all its data itself.
 *
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_UNUSABLE, DISK_IO
 */
export async function vhdSource(filePath: string): Promise<CopySource> {
  const file = openHostFile(filePath);
  try {
    const layout = readVhdLayout(file);
    if (layout.type === 'dynamic') return new DynamicSource(file, layout);
    // Only its footer tells it from a raw disk.
    const shape = { dataBytes: layout.sizeBytes, physicalSectorBytes: PHYSICAL_SECTOR_BYTES };
    return new RawSource(file, await dataRanges(filePath), shape);
  } catch (error) {
    file.close();
    throw error;
  }
}

class DynamicSource implements CopySource {
  readonly sizeBytes: number;
  readonly logicalSectorBytes = SECTOR_BYTES;
  readonly physicalSectorBytes = PHYSICAL_SECTOR_BYTES;
  readonly #file: BlockFile;
  readonly #layout: DynamicLayout;

  constructor(file: BlockFile, layout: DynamicLayout) {
    this.#file = file;
    this.#layout = layout;
    this.sizeBytes = layout.sizeBytes;
  }

  data(): Iterable<DataRange> {
    return this.#dataIn(0, this.sizeBytes);
  }

  read(target: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, target.length);
    target.fill(0);
    for (const part of this.#dataIn(offset, offset + target.length))
      this.#file.readAt(target, part.offset - offset, part.length, part.fileOffset);
  }

  close(): void {
    this.#file.close();
  }

  *#dataIn(start: number, end: number): Generator<DataRange> {
    const { blockBytes, blockSectors, bitmapBytes } = this.#layout;
    for (let block = Math.floor(start / blockBytes); block * blockBytes < end; block++) {
      const sector = blockSectors[block];
      if (sector === NO_BLOCK) continue;
      const [diskOffset, fileOffset] = [block * blockBytes, sector * SECTOR_BYTES];
      const bitmap = readBytes(this.#file, fileOffset, bitmapBytes);
      for (const run of runsIn(bitmap, blockBytes)) {
        const from = Math.max(start, diskOffset + run.start);
        const to = Math.min(end, diskOffset + run.end);
        if (from >= to) continue;
        const inFile = fileOffset + bitmapBytes + from - diskOffset;
        yield { offset: from, length: to - from, file: this.#file, fileOffset: inFile };
      }
    }
  }
}

/** The runs of sectors in use, in bytes of the block. A sector that is not was never written: it reads as zeros. */
function* runsIn(bitmap: Uint8Array, blockBytes: number): Generator<{ start: number; end: number }> {
  const count = blockBytes / SECTOR_BYTES;
  const isUsed = (sector: number): boolean => (bitmap[sector >>> 3] & (0x80 >>> (sector & 7))) !== 0;
  if (isZero(bitmap, 0, bitmap.length)) return;
  for (let sector = 0; sector < count;) {
    const start = sector;
    const used = isUsed(sector);
    while (sector < count && isUsed(sector) === used) sector++;
    if (used) yield { start: start * SECTOR_BYTES, end: sector * SECTOR_BYTES };
  }
}
