/**
 * Where ext4 keeps its journal (Linux kernel documentation, "ext4 Data Structures and Algorithms"). Once a file system
 * is frozen, everything in it but its first block is stale: a layer need not hold it.
 */
import type { ReadableDisk } from '../disk/disk.ts';
import { struct, u16, u32 } from '../bytes/struct.ts';

/** Bytes from the start of the disk. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const superblock = struct(1024, {
  firstDataBlock: u32(0x14),
  logBlockKib: u32(0x18),
  magic: u16(0x38),
  inodeBytes: u16(0x58),
  compatibleFeatures: u32(0x5c),
  incompatibleFeatures: u32(0x60),
  journalInode: u32(0xe0),
});
const groupDescriptor = struct(64, { inodeTableLow: u32(0x08), inodeTableHigh: u32(0x28) });
const extentHeader = struct(12, { magic: u16(0), entryCount: u16(2), depth: u16(6) });
const extent = struct(12, { fileBlock: u32(0), blockCount: u16(4), startHigh: u16(6), startLow: u32(8) });

const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_MAGIC = 0xef53;
const HAS_JOURNAL = 0x4;
const HAS_64BIT = 0x80;
const JOURNAL_INODE = 8;
const EXTENT_MAGIC = 0xf30a;
/** Extents in the inode itself; a journal that is more scattered than that is left alone. */
const MOST_EXTENTS = 4;
/** Longer extents are marked as unwritten by adding this. */
const LARGEST_EXTENT_BLOCKS = 0x8000;

/**
 * The journal's blocks but for the first, which says that the rest is empty. Zeroing them between freeze and thaw
 * changes nothing that the kernel or a later mount reads. Empty when there is no journal, or none in a plain place.
 */
export function staleJournalRanges(disk: ReadableDisk, fileSystemOffset: number): ByteRange[] {
  const main = superblock.decode(readAt(disk, fileSystemOffset + SUPERBLOCK_OFFSET, 1024));
  const hasJournal = (main.compatibleFeatures & HAS_JOURNAL) !== 0 && main.journalInode === JOURNAL_INODE;
  if (main.magic !== SUPERBLOCK_MAGIC || !hasJournal || main.logBlockKib > 6 || main.inodeBytes < 128)
    return [];
  const blockBytes = 1024 << main.logBlockKib;
  const tableOffset = fileSystemOffset + (main.firstDataBlock + 1) * blockBytes;
  const group = groupDescriptor.decode(readAt(disk, tableOffset, 64));
  const high = (main.incompatibleFeatures & HAS_64BIT) !== 0 ? group.inodeTableHigh : 0;
  const tableBlock = group.inodeTableLow + high * 2 ** 32;
  const inodeOffset = fileSystemOffset + tableBlock * blockBytes + (JOURNAL_INODE - 1) * main.inodeBytes;
  // The inode's 60 bytes of block addresses.
  return decodeExtents(readAt(disk, inodeOffset + 0x28, 60))
    .map(({ fileBlock, startBlock, blockCount }) => {
      const skipped = fileBlock === 0 ? 1 : 0;
      return {
        offset: fileSystemOffset + (startBlock + skipped) * blockBytes,
        length: (blockCount - skipped) * blockBytes,
      };
    })
    .filter(({ offset, length }) => length > 0 && offset + length <= disk.sizeBytes);
}

function decodeExtents(bytes: Uint8Array): { fileBlock: number; startBlock: number; blockCount: number }[] {
  const header = extentHeader.decode(bytes);
  if (header.magic !== EXTENT_MAGIC || header.depth !== 0 || header.entryCount > MOST_EXTENTS) return [];
  return Array.from({ length: header.entryCount }, (_, index) => {
    const { fileBlock, blockCount, startHigh, startLow } = extent.decode(bytes.subarray(12 * (index + 1)));
    const written = blockCount > LARGEST_EXTENT_BLOCKS ? 0 : blockCount;
    return { fileBlock, startBlock: startLow + startHigh * 2 ** 32, blockCount: written };
  });
}

/** What lies beyond the disk reads as zeros: a damaged file system has no journal worth naming. */
function readAt(disk: ReadableDisk, offset: number, length: number): Uint8Array {
  const target = new Uint8Array(length);
  if (offset + length <= disk.sizeBytes) disk.read(target, offset);
  return target;
}
