/**
 * The identity of a disk in its partition table: what a system tells disks apart by. Windows lets only one disk of an
 * identity online at a time, and gives the second a new one, by which no boot loader on it finds its system any more.
 */
import { crc32 } from 'node:zlib';
import { parseGuid } from '../bytes/guid.ts';
import type { ReadableDisk, WritableDisk } from '../disk/disk.ts';
import { gptHeader, MBR_BYTES } from './format.ts';
import { hasProtectiveEntry, readMbr } from './mbr.ts';
import { headerIsValid } from './read.ts';

/** UEFI specification, table 5.3 and 5.5; the boot sector of Windows: its signature lies before the entries. */
const GUID_AT = 56;
const CRC_AT = 16;
const MBR_SIGNATURE_AT = 440;

export type DiskId =
  { readonly table: 'gpt'; readonly guid: string } | { readonly table: 'mbr'; readonly signature: number };

interface Header {
  /** Of the sector, in bytes. */
  readonly offset: number;
  readonly sector: Buffer;
}

/** Undefined for a disk without a table that could be read. */
export function readDiskId(disk: ReadableDisk): DiskId | undefined {
  const [header] = gptHeaders(disk);
  if (header) return { table: 'gpt', guid: gptHeader.decode(header.sector).diskGuid };
  if (disk.sizeBytes < MBR_BYTES) return undefined;
  const mbr = readAt(disk, 0, MBR_BYTES);
  if (hasProtectiveEntry(mbr) || readMbr(disk).length === 0) return undefined;
  return { table: 'mbr', signature: mbr.readUInt32LE(MBR_SIGNATURE_AT) };
}

/** Gives a disk another identity, with the kind of table that it has; nothing else on it changes. */
export function writeDiskId(disk: WritableDisk, id: DiskId): void {
  if (id.table === 'gpt') {
    for (const { offset, sector } of gptHeaders(disk)) disk.write(withGuid(sector, id.guid), offset);
  } else {
    const sector = readAt(disk, 0, disk.logicalSectorBytes);
    sector.writeUInt32LE(id.signature, MBR_SIGNATURE_AT);
    disk.write(sector, 0);
  }
}

/** The header and its backup, as far as they are valid; none without the first. */
function gptHeaders(disk: ReadableDisk): Header[] {
  const sectorBytes = disk.logicalSectorBytes;
  const first = headerAt(disk, 1, sectorBytes);
  if (first === undefined) return [];
  const backup = headerAt(disk, gptHeader.decode(first.sector).otherSector, sectorBytes);
  return backup ? [first, backup] : [first];
}

function headerAt(disk: ReadableDisk, number: number, sectorBytes: number): Header | undefined {
  const offset = number * sectorBytes;
  if (!(offset + sectorBytes <= disk.sizeBytes)) return undefined;
  const sector = readAt(disk, offset, sectorBytes);
  const header = gptHeader.decode(sector);
  return headerIsValid(header, sector) && header.ownSector === number ? { offset, sector } : undefined;
}

function withGuid(sector: Buffer, diskGuid: string): Buffer {
  const changed = Buffer.from(sector);
  changed.set(parseGuid(diskGuid), GUID_AT);
  changed.writeUInt32LE(0, CRC_AT);
  changed.writeUInt32LE(crc32(changed.subarray(0, gptHeader.decode(sector).headerBytes)), CRC_AT);
  return changed;
}

function readAt(disk: ReadableDisk, offset: number, length: number): Buffer {
  const target = Buffer.alloc(length);
  disk.read(target, offset);
  return target;
}
