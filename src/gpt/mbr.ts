/** Partition tables of the old kind: four entries in the first sector, logical ones chained through extended ones. */
import type { ReadableDisk } from '../disk/disk.ts';
import { MBR_BYTES, MBR_TYPE_PROTECTIVE } from './format.ts';
import type { Partition } from './partition.ts';

interface MbrEntry {
  readonly status: number;
  readonly type: number;
  readonly firstSector: number;
  readonly sectorCount: number;
}

const EXTENDED_TYPES = [0x05, 0x0f, 0x85];
/** A chain that is longer goes in circles. */
const MOST_LOGICAL = 256;

/** True when the first sector says that the disk has a GPT. */
export function hasProtectiveEntry(mbr: Uint8Array): boolean {
  return decodeMbr(mbr)?.some(({ type }) => type === MBR_TYPE_PROTECTIVE) ?? false;
}

/** Primary partitions (numbers 1 to 4) and logical ones (from 5); empty when there is no such table. */
export function readMbr(disk: ReadableDisk): Partition[] {
  const sectorBytes = disk.logicalSectorBytes;
  const entries = decodeMbr(readSector(disk, 0));
  // Boot sectors of file systems have the same signature; their "entries" make no sense.
  if (!entries?.every((entry) => isPlausible(entry, disk))) return [];
  const primary = entries.flatMap((entry, index) =>
    entry.type === 0 || EXTENDED_TYPES.includes(entry.type)
      ? []
      : [partition(entry, index + 1, 0, sectorBytes)],
  );
  const extended = entries.find(({ type }) => EXTENDED_TYPES.includes(type));
  return extended ? [...primary, ...readLogical(disk, extended.firstSector)] : primary;
}

function readLogical(disk: ReadableDisk, extendedSector: number): Partition[] {
  const sectorBytes = disk.logicalSectorBytes;
  const found: Partition[] = [];
  let tableSector: number | undefined = extendedSector;
  while (tableSector !== undefined && found.length < MOST_LOGICAL) {
    const offset: number = tableSector * sectorBytes;
    if (offset + MBR_BYTES > disk.sizeBytes) break;
    const [own, next] = decodeMbr(readSector(disk, offset)) ?? [];
    if (!own || own.type === 0) break;
    const logical = partition(own, 5 + found.length, tableSector, sectorBytes);
    if (logical.offset + logical.length > disk.sizeBytes) break;
    found.push(logical);
    // Links count from the start of the extended partition, partitions from their own table.
    tableSector = next && EXTENDED_TYPES.includes(next.type) ? extendedSector + next.firstSector : undefined;
  }
  return found;
}

function decodeMbr(sector: Uint8Array): MbrEntry[] | undefined {
  const bytes = Buffer.from(sector.buffer, sector.byteOffset, MBR_BYTES);
  if (bytes.readUInt16LE(510) !== 0xaa55) return undefined;
  return [446, 462, 478, 494].map((at) => ({
    status: bytes[at] ?? 0,
    type: bytes[at + 4] ?? 0,
    firstSector: bytes.readUInt32LE(at + 8),
    sectorCount: bytes.readUInt32LE(at + 12),
  }));
}

function isPlausible({ status, type, firstSector, sectorCount }: MbrEntry, disk: ReadableDisk): boolean {
  if (status !== 0 && status !== 0x80) return false;
  if (type === 0) return true;
  return (
    firstSector > 0 &&
    sectorCount > 0 &&
    (firstSector + sectorCount) * disk.logicalSectorBytes <= disk.sizeBytes
  );
}

function partition(entry: MbrEntry, number: number, baseSector: number, sectorBytes: number): Partition {
  return {
    number,
    offset: (baseSector + entry.firstSector) * sectorBytes,
    length: entry.sectorCount * sectorBytes,
    type: `mbr:${entry.type.toString(16).padStart(2, '0')}`,
    name: '',
  };
}

function readSector(disk: ReadableDisk, offset: number): Uint8Array {
  const sector = new Uint8Array(MBR_BYTES);
  disk.read(sector, offset);
  return sector;
}
