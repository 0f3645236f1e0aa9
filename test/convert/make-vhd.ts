/** Writes VHD files from the text of the specification, of shapes that no program at hand makes. */
import { MIB } from '../vhdx/scratch.ts';

export interface VhdShape {
  readonly sizeBytes: number;
  /** Absent: a fixed disk. */
  readonly blockBytes?: number;
  /** Which sectors are in use; by default those that are not zero. */
  readonly isUsed?: (sector: number) => boolean;
  /** Between the parts of the file. */
  readonly gapBytes?: number;
  readonly creator?: string;
  readonly type?: number;
}

const SECTOR = 512;

/** The file's bytes, for a disk with these contents. */
export function makeVhd(contents: Buffer, shape: VhdShape): Buffer {
  const { blockBytes } = shape;
  if (blockBytes === undefined) return Buffer.concat([contents, footer(shape, 2)]);
  const gap = Buffer.alloc(shape.gapBytes ?? 0, 0xdd);
  const blockCount = Math.ceil(shape.sizeBytes / blockBytes);
  const table = Buffer.alloc(Math.ceil((blockCount * 4) / SECTOR) * SECTOR, 0xff);
  const parts = [footer(shape, 3), gap, header(blockCount, blockBytes, 512 + gap.length + 1024), table, gap];
  let end = parts.reduce((sum, part) => sum + part.length, 0);
  // From the last to the first: the order of the blocks in the file means nothing.
  for (let block = blockCount - 1; block >= 0; block--) {
    const data = Buffer.alloc(blockBytes);
    contents.copy(data, 0, block * blockBytes, (block + 1) * blockBytes);
    const bitmap = bitmapOf(data, block, shape);
    if (bitmap.every((byte) => byte === 0)) continue;
    table.writeUInt32BE(end / SECTOR, block * 4);
    parts.push(bitmap, data, gap);
    end += bitmap.length + data.length + gap.length;
  }
  return Buffer.concat([...parts, footer(shape, 3)]);
}

function bitmapOf(data: Buffer, block: number, { blockBytes = MIB, isUsed }: VhdShape): Buffer {
  const count = blockBytes / SECTOR;
  const bitmap = Buffer.alloc(Math.ceil(count / 8 / SECTOR) * SECTOR);
  for (let sector = 0; sector < count; sector++) {
    const bytes = data.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    const used = isUsed ? isUsed(block * count + sector) : bytes.some((byte) => byte !== 0);
    if (used) bitmap[sector >> 3] |= 0x80 >> (sector & 7);
  }
  return bitmap;
}

function footer({ sizeBytes, creator = 'win ', type, gapBytes = 0 }: VhdShape, usual: number): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write('conectix', 0, 'latin1');
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(0x0001_0000, 12);
  bytes.writeBigUInt64BE(usual === 2 ? 0xffff_ffff_ffff_ffffn : BigInt(512 + gapBytes), 16);
  bytes.write(creator, 28, 'latin1');
  bytes.write('Wi2k', 36, 'latin1');
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 40);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 48);
  // The geometry holds what it holds: whole cylinders of 4 heads with 17 sectors.
  bytes.writeUInt16BE(Math.floor(sizeBytes / SECTOR / 68), 56);
  bytes.set([4, 17], 58);
  bytes.writeUInt32BE(type ?? usual, 60);
  bytes.write('0123456789abcdef', 68, 'latin1');
  return sum(bytes, 64);
}

function header(blockCount: number, blockBytes: number, tableOffset: number): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.write('cxsparse', 0, 'latin1');
  bytes.fill(0xff, 8, 16);
  bytes.writeBigUInt64BE(BigInt(tableOffset), 16);
  bytes.writeUInt32BE(0x0001_0000, 24);
  bytes.writeUInt32BE(blockCount, 28);
  bytes.writeUInt32BE(blockBytes, 32);
  return sum(bytes, 36);
}

/** Puts the checksum of a footer (at 64) or header (at 36) into it. */
export function sum(record: Buffer, at: number): Buffer {
  record.writeUInt32BE(0, at);
  let total = 0;
  for (const byte of record) total += byte;
  record.writeUInt32BE(~total >>> 0, at);
  return record;
}
