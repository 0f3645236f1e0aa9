/**
 * The identity of a disk in its partition table: what a system tells disks, and volumes, apart by. Windows lets only one
 * disk of an identity online at a time, and gives the second a new one, by which no boot loader on it finds its system any
 * more. It names a volume after the GUID of its partition: the second of a name is not shown.
 */
import { crc32 } from 'node:zlib';
import { parseGuid, ZERO_GUID } from '../bytes/guid.ts';
import type { ReadableDisk, WritableDisk } from '../disk/disk.ts';
import { gptEntry, MBR_BYTES } from './format.ts';
import { hasProtectiveEntry, readMbr } from './mbr.ts';
import { readAt, readGptTable, type GptTable } from './read.ts';

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
function writeGptId(disk: WritableDisk, table: GptTable, { guid, partitionGuids }: GptId): void {
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

function entriesInUse({ header, entries }: GptTable): Buffer[] {
  const { entryBytes, entryCount } = header;
  return Array.from({ length: entryCount }, (_, index) =>
    entries.subarray(index * entryBytes, (index + 1) * entryBytes),
  ).filter((entry) => gptEntry.decode(entry).type !== ZERO_GUID);
}

/** The table and its backup, as far as they are valid; none without the first. */
function gptTables(disk: ReadableDisk): GptTable[] {
  const sectorBytes = disk.logicalSectorBytes;
  const first = readGptTable(disk, sectorBytes, 1);
  if (first === undefined) return [];
  const backup = readGptTable(disk, sectorBytes, first.header.otherSector);
  return backup ? [first, backup] : [first];
}
