/** The records and constants of VHDX as MS-VHDX prints them. This file knows no other of the folder. */
import { ascii, bytes, guid, size64, struct, u16, u32, u64, type Decoded } from '../bytes/struct.ts';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const TIB = MIB * MIB;

// Section 2.2: the first megabyte.
export const FILE_SIGNATURE = 'vhdxfile';
export const HEADER_OFFSETS = [64 * KIB, 128 * KIB] as const;
export const REGION_TABLE_OFFSETS = [192 * KIB, 256 * KIB] as const;

/** Section 2.2.1. The creator is UTF-16LE, padded with NULs, and means nothing. */
export const fileIdentifier = struct(520, { signature: ascii(0, 8), creator: bytes(8, 512) });

/** Section 2.2.2. The checksum covers all 4096 bytes. */
export const headerRecord = struct(4 * KIB, {
  signature: ascii(0, 4),
  checksum: u32(4),
  sequenceNumber: u64(8),
  fileWriteGuid: guid(16),
  dataWriteGuid: guid(32),
  logGuid: guid(48),
  logVersion: u16(64),
  version: u16(66),
  logLength: u32(68),
  logOffset: size64(72),
});
export type HeaderRecord = Decoded<typeof headerRecord>;
export const HEADER_SIGNATURE = 'head';
/** Where header and region table keep their checksum. */
export const CHECKSUM_OFFSET = 4;

/** Section 2.2.3. The checksum covers the whole table of 64 KiB. */
export const regionTableHeader = struct(16, {
  signature: ascii(0, 4),
  checksum: u32(4),
  entryCount: u32(8),
  reserved: u32(12),
});
export const REGION_TABLE_BYTES = 64 * KIB;
export const REGION_SIGNATURE = 'regi';
export const MAX_TABLE_ENTRIES = 2047;

export const regionEntry = struct(32, {
  guid: guid(0),
  fileOffset: size64(16),
  length: u32(24),
  flags: u32(28),
});
export type RegionEntry = Decoded<typeof regionEntry>;
export const REGION_REQUIRED = 1;
export const BAT_REGION = '2dc27766-f623-4200-9d64-115e9bfd4a08';
export const METADATA_REGION = '8b7ca206-4790-4b9a-b8fe-575f050f886e';

/** Section 2.6.1. */
export const metadataTableHeader = struct(32, {
  signature: ascii(0, 8),
  reserved: u16(8),
  entryCount: u16(10),
  reserved2: bytes(12, 20),
});
export const METADATA_TABLE_BYTES = 64 * KIB;
export const METADATA_SIGNATURE = 'metadata';
export const MAX_ITEM_BYTES = MIB;

export const metadataEntry = struct(32, {
  itemId: guid(0),
  offset: u32(16),
  length: u32(20),
  flags: u32(24),
  reserved: u32(28),
});
export type MetadataEntry = Decoded<typeof metadataEntry>;
export const MAX_USER_ITEMS = 1024;
export const MAX_SYSTEM_ITEMS = 1023;
export const ITEM_IS_USER = 1;
/** The item describes the virtual disk: a child takes it over from its parent. */
export const ITEM_IS_VIRTUAL_DISK = 2;
export const ITEM_IS_REQUIRED = 4;

/** Section 2.6.2: the items known to us. */
export const ITEM = {
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
  /** Not in the specification: present while a file is being made or converted. */
  incompleteFile: '71cc85f0-1b69-4e28-9558-c3bf83ae75d3',
  /** Not in the specification: cylinders, heads and sectors for old guests, and labels of memory that keeps. */
  chsParameters: 'da02d7bc-3d3a-423c-ac88-2a36ab21479b',
  pmemLabels: '10e1ae8a-4b7e-4169-a40f-cd70de928393',
} as const;

export const fileParametersItem = struct(8, { blockBytes: u32(0), flags: u32(4) });
export const LEAVE_BLOCKS_ALLOCATED = 1;
export const HAS_PARENT = 2;
export const virtualDiskSizeItem = struct(8, { sizeBytes: size64(0) });
export const virtualDiskIdItem = struct(16, { id: guid(0) });
export const sectorSizeItem = struct(4, { sectorBytes: u32(0) });

/** Section 2.6.2.6. */
export const locatorHeader = struct(20, { type: guid(0), reserved: u16(16), keyValueCount: u16(18) });
export const locatorEntry = struct(12, {
  keyOffset: u32(0),
  valueOffset: u32(4),
  keyLength: u16(8),
  valueLength: u16(10),
});
export const MAX_LOCATOR_ENTRIES = 256;
export const VHDX_LOCATOR_TYPE = 'b04aefb7-d19e-4a81-b789-25b8e9445913';

/** Section 2.5.1.1: states of payload blocks. 4 and 5 are reserved. */
export const BLOCK = {
  /** Read the parent; without one, zeros. */
  NOT_PRESENT: 0,
  /** These three read as zeros, never as the parent. */
  UNDEFINED: 1,
  ZERO: 2,
  UNMAPPED: 3,
  FULLY_PRESENT: 6,
  /** Sector by sector: the sector bitmap tells whose data counts. */
  PARTIALLY_PRESENT: 7,
} as const;
/** Section 2.5.1.2: the other state of a sector bitmap block is 0. */
export const BITMAP_PRESENT = 6;

export const BAT_ENTRY_BYTES = 8;
/** One sector bitmap block holds this many bits. */
export const SECTORS_PER_CHUNK = 2 ** 23;

/** Section 2.3: the log. Its unit; entries, and the pages they change, are whole sectors. */
export const LOG_SECTOR_BYTES = 4 * KIB;
/** Not in the specification: Microsoft's own implementation refuses longer ones. */
export const MAX_LOG_BYTES = 1024 * MIB;
/** What lies before the first region table is never logged. */
export const FIRST_LOGGED_OFFSET = REGION_TABLE_OFFSETS[0];

/** Section 2.3.1.1. The checksum covers the whole entry. */
export const logEntryHeader = struct(64, {
  signature: ascii(0, 4),
  checksum: u32(4),
  entryBytes: u32(8),
  tailOffset: u32(12),
  sequenceNumber: u64(16),
  descriptorCount: u32(24),
  reserved: u32(28),
  logGuid: guid(32),
  flushedFileBytes: size64(48),
  lastFileBytes: size64(56),
});
export const LOG_ENTRY_SIGNATURE = 'loge';

/** Where the fields of a descriptor lie: there may be millions, which are read in place. */
export const LOG_DESCRIPTOR_BYTES = 32;
export const LOG_DESCRIPTOR_AT = {
  signature: 0,
  trailing: 4,
  leading: 8,
  length: 8,
  fileOffset: 16,
  sequenceNumber: 24,
} as const;

/** Section 2.3.1.3: a page whose middle is in a data sector; its ends had to make room for that one's signature. */
export const logDataDescriptor = struct(LOG_DESCRIPTOR_BYTES, {
  signature: ascii(LOG_DESCRIPTOR_AT.signature, 4),
  trailing: bytes(LOG_DESCRIPTOR_AT.trailing, 4),
  leading: bytes(LOG_DESCRIPTOR_AT.leading, 8),
  fileOffset: size64(LOG_DESCRIPTOR_AT.fileOffset),
  sequenceNumber: u64(LOG_DESCRIPTOR_AT.sequenceNumber),
});
export const LOG_DATA_DESCRIPTOR_SIGNATURE = 'desc';

/** Section 2.3.1.2. */
export const logZeroDescriptor = struct(LOG_DESCRIPTOR_BYTES, {
  signature: ascii(LOG_DESCRIPTOR_AT.signature, 4),
  reserved: u32(4),
  length: size64(LOG_DESCRIPTOR_AT.length),
  fileOffset: size64(LOG_DESCRIPTOR_AT.fileOffset),
  sequenceNumber: u64(LOG_DESCRIPTOR_AT.sequenceNumber),
});
export const LOG_ZERO_DESCRIPTOR_SIGNATURE = 'zero';

/** Section 2.3.1.4. */
export const logDataSector = struct(4 * KIB, {
  signature: ascii(0, 4),
  sequenceHigh: u32(4),
  middle: bytes(8, 4084),
  sequenceLow: u32(4092),
});
export const LOG_DATA_SECTOR_SIGNATURE = 'data';

export const MIN_BLOCK_BYTES = MIB;
export const MAX_BLOCK_BYTES = 256 * MIB;
export const MAX_DISK_BYTES = 64 * TIB;
/** More than a full disk with all its tables; keeps megabyte numbers in 27 bits. */
export const MAX_FILE_BYTES = 128 * TIB;
