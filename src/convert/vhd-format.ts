/**
 * VHD files as the Virtual Hard Disk Image Format Specification 1.0 of Microsoft describes them: a footer in the last
 * sector; a dynamic disk has a copy of it in front, a header, and a table of the places of its blocks. All integers are
 * big endian.
 */
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { unusable } from './formats.ts';

export const SECTOR_BYTES = 512;
/** In the table: the block has no place in the file and reads as zeros. */
export const NO_BLOCK = 0xffff_ffff;

export type VhdLayout = FixedLayout | DynamicLayout;

/** The disk's bytes from the file's first one on. */
export interface FixedLayout {
  readonly type: 'fixed';
  readonly sizeBytes: number;
}

export interface DynamicLayout {
  readonly type: 'dynamic';
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Which sectors of a block are in use comes before its data: one bit for each, whole sectors. */
  readonly bitmapBytes: number;
  /** Where each block begins in the file, in sectors, or {@link NO_BLOCK}. */
  readonly blockSectors: Uint32Array;
}

/**
 * Reads and checks everything in the file but the disk's own bytes.
 *
 * @throws HyperfileError DISK_UNUSABLE, DISK_IO
 */
export function readVhdLayout(file: BlockFile): VhdLayout {
  const fail: Fail = (reason) => {
    throw unusable(file.path, reason);
  };
  const fileBytes = file.sizeBytes();
  const footer = readFooter(file, fileBytes, fail);
  if (footer.type === FIXED) {
    if (footer.sizeBytes > fileBytes - FOOTER_BYTES) fail('it is cut short');
    return { type: 'fixed', sizeBytes: footer.sizeBytes };
  }
  return readDynamic(file, fileBytes, footer, fail);
}

type Fail = (reason: string) => never;

const FOOTER_BYTES = 512;
const FOOTER_COOKIE = 'conectix';
const HEADER_BYTES = 1024;
const HEADER_COOKIE = 'cxsparse';
const MAJOR_VERSION = 1;
const FIXED = 2;
const DYNAMIC = 3;
const DIFFERENCING = 4;
/** Far above the 2 MiB that everyone uses. */
const LARGEST_BLOCK_BYTES = 256 * 1024 * 1024;

interface Footer {
  readonly type: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

function readFooter(file: BlockFile, fileBytes: number, fail: Fail): Footer {
  const footer = bufferAt(file, Math.max(0, fileBytes - FOOTER_BYTES), Math.min(fileBytes, FOOTER_BYTES));
  if (footer.length < FOOTER_BYTES || cookieOf(footer) !== FOOTER_COOKIE)
    return fail('it is cut short: its footer is missing');
  if (!hasChecksum(footer, 64)) return fail('its footer is damaged');
  if (footer.readUInt16BE(12) !== MAJOR_VERSION) return fail('it has a version that is not known');
  const type = footer.readUInt32BE(60);
  if (type === DIFFERENCING) return fail('it is a differencing VHD; merge it with its parent first');
  if (type !== FIXED && type !== DYNAMIC) return fail(`it has the type ${type}, which is not known`);
  const sizeBytes = Number(footer.readBigUInt64BE(48));
  if (sizeBytes === 0 || sizeBytes % SECTOR_BYTES !== 0 || !Number.isSafeInteger(sizeBytes))
    return fail(`its size of ${sizeBytes} bytes cannot be`);
  return { type, sizeBytes, headerOffset: Number(footer.readBigUInt64BE(16)) };
}

function readDynamic(file: BlockFile, fileBytes: number, footer: Footer, fail: Fail): VhdLayout {
  const { sizeBytes, headerOffset } = footer;
  const end = fileBytes - FOOTER_BYTES;
  if (!(headerOffset + HEADER_BYTES <= end)) return fail('its header lies outside of it');
  const header = bufferAt(file, headerOffset, HEADER_BYTES);
  if (cookieOf(header) !== HEADER_COOKIE || !hasChecksum(header, 36)) return fail('its header is damaged');
  const blockBytes = header.readUInt32BE(32);
  const isPowerOf2 = blockBytes > 0 && (blockBytes & (blockBytes - 1)) === 0;
  if (!isPowerOf2 || blockBytes < SECTOR_BYTES || blockBytes > LARGEST_BLOCK_BYTES)
    return fail(`its blocks of ${blockBytes} bytes cannot be`);
  const blockCount = Math.ceil(sizeBytes / blockBytes);
  const tableOffset = Number(header.readBigUInt64BE(16));
  if (header.readUInt32BE(28) < blockCount) return fail('its table is shorter than the disk');
  if (!(tableOffset + blockCount * 4 <= end)) return fail('it is cut short: its table lies outside of it');
  const table = bufferAt(file, tableOffset, blockCount * 4);
  const blockSectors = Uint32Array.from({ length: blockCount }, (_, index) => table.readUInt32BE(index * 4));
  const bitmapBytes = Math.ceil(blockBytes / SECTOR_BYTES / 8 / SECTOR_BYTES) * SECTOR_BYTES;
  checkBlocks(blockSectors, (bitmapBytes + blockBytes) / SECTOR_BYTES, end / SECTOR_BYTES, fail);
  return { type: 'dynamic', sizeBytes, blockBytes, bitmapBytes, blockSectors };
}

/** Each has its own place, all of it in the file. */
function checkBlocks(blockSectors: Uint32Array, sectorsEach: number, endSector: number, fail: Fail): void {
  const places = blockSectors.filter((sector) => sector !== NO_BLOCK).sort();
  const last = places.at(-1);
  if (last === undefined) return;
  if (last + sectorsEach > endSector) fail('it is cut short: a block lies outside of it');
  if (places.some((sector, index) => index > 0 && sector - places[index - 1] < sectorsEach))
    fail('its table is damaged: two blocks lie in the same place');
}

/** The complement of the sum of all other bytes. */
function hasChecksum(record: Buffer, at: number): boolean {
  const sum = record.reduce((total, byte, index) => total + (index >= at && index < at + 4 ? 0 : byte), 0);
  return record.readUInt32BE(at) === ~sum >>> 0;
}

function cookieOf(record: Buffer): string {
  return record.toString('latin1', 0, 8);
}

function bufferAt(file: BlockFile, offset: number, length: number): Buffer {
  return Buffer.from(readBytes(file, offset, length).buffer);
}
