/** Finds the partitions of a disk: GPT (or its backup), MBR, or a file system without any table. */
import { crc32 } from 'node:zlib';
import { HyperfileError } from '../base/error.ts';
import { ZERO_GUID } from '../bytes/guid.ts';
import type { ReadableDisk } from '../disk/disk.ts';
import {
  GPT_HEADER_BYTES,
  GPT_SIGNATURE,
  gptEntry,
  gptHeader,
  LINUX_ROOT_TYPES,
  PARTITION_TYPE,
  type GptHeader,
} from './format.ts';
import { hasProtectiveEntry, readMbr } from './mbr.ts';
import type { Partition } from './partition.ts';

/** Far above the 128 that everyone uses; a damaged count must not make us read gigabytes. */
const MOST_ENTRIES = 4096;
const SECTOR_SIZES = [512, 4096];

/**
 * The partitions of a disk, by number. A disk without a table is one partition of type `whole-disk`, number 0.
 *
 * @throws HyperfileError FS_TABLE_CORRUPT when the disk says that it has a GPT and neither copy can be read
 */
export function readPartitions(disk: ReadableDisk): Partition[] {
  if (disk.sizeBytes < 512) return [];
  // An image may have been made for other sectors than the disk now has.
  const sectorSizes = [...new Set([disk.logicalSectorBytes, ...SECTOR_SIZES])];
  for (const sectorBytes of sectorSizes) {
    const partitions = readGptAt(disk, sectorBytes, 1);
    if (partitions) return partitions;
  }
  const mbr = readAt(disk, 0, 512);
  if (hasProtectiveEntry(mbr)) return readBackup(disk, sectorSizes);
  const partitions = readMbr(disk);
  return partitions.length > 0 ? partitions : [wholeDisk(disk)];
}

/** Partitions that may hold the root file system, the likeliest first. */
export function findRootCandidates(disk: ReadableDisk): Partition[] {
  const linux: readonly string[] = [PARTITION_TYPE.linuxFileSystem, 'mbr:83', 'whole-disk'];
  const never: readonly string[] = [PARTITION_TYPE.efiSystem, PARTITION_TYPE.microsoftReserved];
  const rank = ({ type }: Partition): number =>
    LINUX_ROOT_TYPES.includes(type) ? 0 : linux.includes(type) ? 1 : 2;
  return readPartitions(disk)
    .filter(({ type }) => !never.includes(type))
    .sort((a, b) => rank(a) - rank(b) || (rank(a) === 2 ? b.length - a.length : a.number - b.number));
}

function readBackup(disk: ReadableDisk, sectorSizes: readonly number[]): Partition[] {
  for (const sectorBytes of sectorSizes) {
    const partitions = readGptAt(disk, sectorBytes, Math.floor(disk.sizeBytes / sectorBytes) - 1);
    if (partitions) return partitions;
  }
  throw new HyperfileError('FS_TABLE_CORRUPT', {
    data: { detail: 'the disk is marked as GPT, and neither the table nor its backup is valid' },
  });
}

/** Undefined: no valid GPT has its header in that sector. */
function readGptAt(disk: ReadableDisk, sectorBytes: number, headerSector: number): Partition[] | undefined {
  const table = readGptTable(disk, sectorBytes, headerSector);
  return table && decodeEntries(table.entries, table.header, sectorBytes, disk.sizeBytes);
}

/** A header and the entries that it vouches for. */
export interface GptTable {
  readonly header: GptHeader;
  /** The header's, and where it lies in bytes. */
  readonly sector: Buffer;
  readonly offset: number;
  readonly entries: Buffer;
  readonly entriesOffset: number;
}

/** Undefined: there is none that nobody has damaged. */
export function readGptTable(
  disk: ReadableDisk,
  sectorBytes: number,
  headerSector: number,
): GptTable | undefined {
  const offset = headerSector * sectorBytes;
  if (headerSector < 1 || !(offset + sectorBytes <= disk.sizeBytes)) return undefined;
  const sector = readAt(disk, offset, sectorBytes);
  const header = gptHeader.decode(sector);
  if (!headerIsValid(header, sector) || header.ownSector !== headerSector) return undefined;
  const entriesOffset = header.entriesSector * sectorBytes;
  const length = header.entryCount * header.entryBytes;
  if (!(entriesOffset + length <= disk.sizeBytes)) return undefined;
  const entries = readAt(disk, entriesOffset, length);
  if (crc32(entries) !== header.entriesCrc) return undefined;
  return { header, sector, offset, entries, entriesOffset };
}

/** Whether a sector holds a header that nobody has damaged. */
function headerIsValid(header: GptHeader, sector: Uint8Array): boolean {
  if (header.signature !== GPT_SIGNATURE) return false;
  if (header.headerBytes < GPT_HEADER_BYTES || header.headerBytes > sector.length) return false;
  if (header.entryBytes < 128 || header.entryBytes > 4096 || header.entryCount > MOST_ENTRIES) return false;
  const copy = Buffer.from(sector.subarray(0, header.headerBytes));
  copy.writeUInt32LE(0, 16);
  return crc32(copy) === header.headerCrc;
}

function decodeEntries(
  table: Uint8Array,
  header: GptHeader,
  sectorBytes: number,
  diskBytes: number,
): Partition[] {
  const partitions: Partition[] = [];
  for (let index = 0; index < header.entryCount; index++) {
    const entry = gptEntry.decode(table.subarray(index * header.entryBytes));
    const offset = entry.firstSector * sectorBytes;
    const length = (entry.lastSector - entry.firstSector + 1) * sectorBytes;
    if (entry.type === ZERO_GUID || !(length > 0) || !(offset + length <= diskBytes)) continue;
    const name = Buffer.from(entry.name).toString('utf16le').split('\0', 1)[0] ?? '';
    partitions.push({ number: index + 1, offset, length, type: entry.type, id: entry.id, name });
  }
  return partitions;
}

function wholeDisk(disk: ReadableDisk): Partition {
  return { number: 0, offset: 0, length: disk.sizeBytes, type: 'whole-disk', name: '' };
}

/** Bytes of a disk. */
export function readAt(disk: ReadableDisk, offset: number, length: number): Buffer {
  const target = Buffer.alloc(length);
  disk.read(target, offset);
  return target;
}
