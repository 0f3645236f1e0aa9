/**
 * The identity of a disk in its partition table: what a system tells disks, and volumes, apart by. Windows lets only one
 * disk of an identity online at a time, and gives the second a new one, by which no boot loader on it finds its system any
 * more. It names a volume after the GUID of its partition: the second of a name is not shown.
 */
import { crc32 } from 'node:zlib';
import { parseGuid, ZERO_GUID } from '../bytes/guid.ts';
import type { ReadableDisk, WritableDisk } from '../disk/disk.ts';
import { gptEntry, gptHeader, MBR_BYTES, type GptHeader } from './format.ts';
import { hasProtectiveEntry, readMbr } from './mbr.ts';
import { headerIsValid } from './read.ts';

/** UEFI specification, table 5.5 and 5.6; the boot sector of Windows: its signature lies before the entries. */
const HEADER = { crcAt: 16, diskGuidAt: 56, entriesCrcAt: 88 } as const;
const PARTITION_GUID_AT = 16;
const MBR_SIGNATURE_AT = 440;

export type DiskId = GptId | MbrId;

export interface GptId {
  readonly table: 'gpt';
  readonly guid: string;
  /** Of the entries in use, in their order. */
  readonly partitionGuids: readonly string[];
}

export interface MbrId {
  readonly table: 'mbr';
  /** Windows makes the names of volumes of it, too. */
  readonly signature: number;
}

/** A header and the entries that it vouches for. */
interface Table {
  readonly header: GptHeader;
  /** The header's, and where it lies in bytes. */
  readonly sector: Buffer;
  readonly offset: number;
  readonly entries: Buffer;
  readonly entriesOffset: number;
}

/** Undefined for a disk without a table that could be read. */
export function readDiskId(disk: ReadableDisk): DiskId | undefined {
  const [table] = gptTables(disk);
  if (table) {
    const partitionGuids = entriesInUse(table).map((entry) => gptEntry.decode(entry).id);
    return { table: 'gpt', guid: table.header.diskGuid, partitionGuids };
  }
  if (disk.sizeBytes < MBR_BYTES) return undefined;
  const mbr = readAt(disk, 0, MBR_BYTES);
  if (hasProtectiveEntry(mbr) || readMbr(disk).length === 0) return undefined;
  return { table: 'mbr', signature: mbr.readUInt32LE(MBR_SIGNATURE_AT) };
}

/** Gives a disk another identity, with the kind of table and the partitions that it has; nothing else on it changes. */
export function writeDiskId(disk: WritableDisk, id: DiskId): void {
  if (id.table === 'gpt') {
    for (const table of gptTables(disk)) writeGptId(disk, table, id);
  } else {
    const sector = readAt(disk, 0, disk.logicalSectorBytes);
    sector.writeUInt32LE(id.signature, MBR_SIGNATURE_AT);
    disk.write(sector, 0);
  }
}

/** Changes a table in place. */
function writeGptId(disk: WritableDisk, table: Table, { guid, partitionGuids }: GptId): void {
  const { header, sector, offset, entries, entriesOffset } = table;
  for (const [index, entry] of entriesInUse(table).entries())
    entry.set(parseGuid(partitionGuids[index]), PARTITION_GUID_AT);
  sector.set(parseGuid(guid), HEADER.diskGuidAt);
  sector.writeUInt32LE(crc32(entries), HEADER.entriesCrcAt);
  sector.writeUInt32LE(0, HEADER.crcAt);
  sector.writeUInt32LE(crc32(sector.subarray(0, header.headerBytes)), HEADER.crcAt);
  disk.write(entries, entriesOffset);
  disk.write(sector, offset);
}

function entriesInUse({ header, entries }: Table): Buffer[] {
  const { entryBytes, entryCount } = header;
  return Array.from({ length: entryCount }, (_, index) =>
    entries.subarray(index * entryBytes, (index + 1) * entryBytes),
  ).filter((entry) => gptEntry.decode(entry).type !== ZERO_GUID);
}

/** The table and its backup, as far as they are valid; none without the first. */
function gptTables(disk: ReadableDisk): Table[] {
  const first = tableAt(disk, 1);
  if (first === undefined) return [];
  const backup = tableAt(disk, first.header.otherSector);
  return backup ? [first, backup] : [first];
}

function tableAt(disk: ReadableDisk, number: number): Table | undefined {
  const sectorBytes = disk.logicalSectorBytes;
  const offset = number * sectorBytes;
  if (!(offset + sectorBytes <= disk.sizeBytes)) return undefined;
  const sector = readAt(disk, offset, sectorBytes);
  const header = gptHeader.decode(sector);
  if (!headerIsValid(header, sector) || header.ownSector !== number) return undefined;
  const entriesOffset = header.entriesSector * sectorBytes;
  const length = header.entryCount * header.entryBytes;
  if (!(entriesOffset + length <= disk.sizeBytes)) return undefined;
  const entries = readAt(disk, entriesOffset, length);
  if (crc32(entries) !== header.entriesCrc) return undefined;
  return { header, sector, offset, entries, entriesOffset };
}

function readAt(disk: ReadableDisk, offset: number, length: number): Buffer {
  const target = Buffer.alloc(length);
  disk.read(target, offset);
  return target;
}
