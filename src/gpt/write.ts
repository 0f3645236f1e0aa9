/** Writes a GUID partition table: protective MBR, table, and its backup at the end of the disk. */
import { crc32 } from 'node:zlib';
import type { WritableDisk } from '../disk/disk.ts';
import {
  GPT_HEADER_BYTES,
  GPT_REVISION,
  GPT_SIGNATURE,
  gptEntry,
  gptHeader,
  MBR_BYTES,
  MBR_TYPE_PROTECTIVE,
  type GptHeader,
} from './format.ts';
import { ENTRY_BYTES, ENTRY_COUNT, TABLE_BYTES } from './table-size.ts';

export interface GptLayout {
  readonly diskId: string;
  readonly partitions: readonly NewPartition[];
}

export interface NewPartition {
  /** Bytes; whole sectors. */
  readonly offset: number;
  readonly length: number;
  readonly type: string;
  readonly id: string;
  /** At most 36 UTF-16 code units. */
  readonly name: string;
}

const LARGEST_MBR_SECTORS = 0xffff_ffff;

export function writeGpt(disk: WritableDisk, { diskId, partitions }: GptLayout): void {
  const sectorBytes = disk.logicalSectorBytes;
  const sectorCount = Math.floor(disk.sizeBytes / sectorBytes);
  const tableSectors = TABLE_BYTES / sectorBytes;
  const entries = encodeEntries(partitions, sectorBytes);
  const common = {
    signature: GPT_SIGNATURE,
    revision: GPT_REVISION,
    headerBytes: GPT_HEADER_BYTES,
    headerCrc: 0,
    firstUsableSector: 2 + tableSectors,
    lastUsableSector: sectorCount - tableSectors - 2,
    diskGuid: diskId,
    entryCount: ENTRY_COUNT,
    entryBytes: ENTRY_BYTES,
    entriesCrc: crc32(entries),
  };
  const last = sectorCount - 1;
  const primary = { ...common, ownSector: 1, otherSector: last, entriesSector: 2 };
  const backup = { ...common, ownSector: last, otherSector: 1, entriesSector: last - tableSectors };
  disk.write(encodeProtectiveMbr(sectorCount), 0);
  for (const header of [primary, backup]) {
    disk.write(entries, header.entriesSector * sectorBytes);
    disk.write(encodeHeader(header, sectorBytes), header.ownSector * sectorBytes);
  }
}

function encodeEntries(partitions: readonly NewPartition[], sectorBytes: number): Uint8Array {
  const table = new Uint8Array(TABLE_BYTES);
  for (const [index, { offset, length, type, id, name }] of partitions.entries()) {
    const nameBytes = new Uint8Array(72);
    nameBytes.set(Buffer.from(name.slice(0, 36), 'utf16le'));
    const entry = {
      type,
      id,
      firstSector: offset / sectorBytes,
      lastSector: (offset + length) / sectorBytes - 1,
      attributes: 0n,
      name: nameBytes,
    };
    gptEntry.encode(entry, table.subarray(index * ENTRY_BYTES));
  }
  return table;
}

function encodeHeader(header: GptHeader, sectorBytes: number): Uint8Array {
  const sector = new Uint8Array(sectorBytes);
  gptHeader.encode(header, sector);
  const headerCrc = crc32(sector.subarray(0, GPT_HEADER_BYTES));
  gptHeader.encode({ ...header, headerCrc }, sector);
  return sector;
}

/** One entry over the whole disk, so that tools that know only the MBR keep off. */
function encodeProtectiveMbr(sectorCount: number): Uint8Array {
  const mbr = Buffer.alloc(MBR_BYTES);
  const at = 446;
  // CHS of the first and last sector: 0/0/2 and "beyond" (5.2.3).
  mbr.set([0x00, 0x02, 0x00, MBR_TYPE_PROTECTIVE, 0xff, 0xff, 0xff], at + 1);
  mbr.writeUInt32LE(1, at + 8);
  mbr.writeUInt32LE(Math.min(sectorCount - 1, LARGEST_MBR_SECTORS), at + 12);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}
