/** Ways to break a rule of the format by a few bytes: a base and a difference to do it to, and a table of what to do. */
import fs from 'node:fs';
import path from 'node:path';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import type { RepairKind } from '../../src/vhdx/findings.ts';
import { withChecksum } from '../../src/vhdx/header.ts';
import { encodeLogEntry } from '../../src/vhdx/log/entry.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { GIB, MIB, pattern, scratchFolder } from './scratch.ts';

export const HEADERS = [65536, 131072] as const;
export const REGION_TABLES = [196608, 262144] as const;
export const METADATA = 2 * MIB;
export const BAT = 3 * MIB;
/** Where the items begin: FileParameters, VirtualDiskSize, both sector sizes, VirtualDiskId, and in a child the locator. */
export const ITEMS = METADATA + 65536;
export const LOCATOR = ITEMS + 40;
/** The entry of an item in the metadata table. */
export const itemEntry = (index: number) => METADATA + 32 + index * 32;

/** A base of 8 MiB; blocks 1 and 2 lie at 4 and 5 MiB, where the file ends one later. */
export function baseFile(folder = scratchFolder()): string {
  const file = path.join(folder, 'base.vhdx');
  const disk = createDisk(file, { sizeBytes: 8 * MIB });
  disk.write(pattern(2 * MIB, 1), MIB);
  disk.seal();
  disk.close();
  return file;
}

/** A difference on {@link baseFile}: its block 3 is partial and lies at 4 MiB, its sector bitmap at 5 MiB. */
export function childFile(folder = scratchFolder()): string {
  const child = path.join(folder, 'child.vhdx');
  const disk = openSandbox({ chain: baseFile(folder), sandboxPath: child });
  disk.write(pattern(4096, 2), 3 * MIB);
  disk.seal();
  disk.close();
  return child;
}

/** Changes a file's bytes, or puts others in their place. */
export type Change = (bytes: Buffer) => Buffer | void;

export interface Damage {
  readonly what: string;
  readonly code: ErrorCode;
  readonly change: Change;
  /** Default: base. */
  readonly file?: 'base' | 'child';
  /** Checksums of headers and region tables are made right again, unless this is false. */
  readonly checksums?: false;
  readonly repair?: RepairKind;
}

/** Something tolerated: the file can be read as before. */
export interface Flaw extends Damage {
  readonly severity?: 'note';
}

/** The file that is to be damaged. */
export function victim({ file }: Pick<Damage, 'file'>): string {
  return file === 'child' ? childFile() : baseFile();
}

export function edit(file: string, { change, checksums }: Pick<Damage, 'change' | 'checksums'>): void {
  const before = fs.readFileSync(file);
  const bytes = change(before) ?? before;
  if (checksums !== false) {
    for (const at of HEADERS) withChecksum(bytes.subarray(at, at + 4096));
    for (const at of REGION_TABLES) withChecksum(bytes.subarray(at, at + 65536));
  }
  fs.writeFileSync(file, bytes);
}

/** The same in both headers; `at` counts from the start of the header. */
export const inHeaders =
  (change: (bytes: Buffer, at: number) => void): Change =>
  (bytes) =>
    HEADERS.forEach((at) => change(bytes, at));

/** The same in both region tables. The BAT's entry is at 16, that of the metadata region at 48; each has 32 bytes. */
export const inRegions =
  (change: (bytes: Buffer, at: number) => void): Change =>
  (bytes) =>
    REGION_TABLES.forEach((at) => change(bytes, at));

/** Sets a bat entry. */
export function batEntry(bytes: Buffer, index: number, state: number, fileMb = 0): void {
  bytes.writeBigUInt64LE((BigInt(fileMb) << 20n) | BigInt(state), BAT + index * 8);
}

/** A region entry behind the two that are there. */
export function addRegion(bytes: Buffer, fileOffset: number, flags: number): void {
  inRegions((b, at) => {
    b.writeUInt32LE(3, at + 8);
    b.fill(0x55, at + 80, at + 96);
    b.writeBigUInt64LE(BigInt(fileOffset), at + 96);
    b.writeUInt32LE(MIB, at + 104);
    b.writeUInt32LE(flags, at + 108);
  })(bytes);
}

/** A metadata entry behind those that are there. */
export function addItem(bytes: Buffer, { id = 0x55, offset = 0x20000, length = 16, flags = 0 }): void {
  const count = bytes.readUInt16LE(METADATA + 10);
  bytes.writeUInt16LE(count + 1, METADATA + 10);
  const at = itemEntry(count);
  bytes.fill(id, at, at + 16);
  // Many items need many identities.
  if (id !== 0) bytes.writeUInt32LE(count, at);
  bytes.writeUInt32LE(offset, at + 16);
  bytes.writeUInt32LE(length, at + 20);
  bytes.writeUInt32LE(flags, at + 24);
}

const grown = (bytes: Buffer, by: number) => Buffer.concat([bytes, Buffer.alloc(by)]);
const GUID_OF_LOG = (b: Buffer, at: number) => b.fill(7, at + 48, at + 64);

/** A log that says it is in use, and holds one entry that changes nothing. */
function usedLog(bytes: Buffer, flushedFileBytes: number): void {
  inHeaders(GUID_OF_LOG)(bytes);
  const entry = encodeLogEntry({
    sequenceNumber: 1n,
    tailOffset: 0,
    logGuid: '07070707-0707-0707-0707-070707070707',
    flushedFileBytes,
    lastFileBytes: bytes.length,
    changes: [],
  });
  bytes.set(entry, MIB);
}

const SPOIL = (b: Buffer, at: number) => void (b[at + 8] ^= 0xff);

const HEADER_DAMAGES: readonly Damage[] = [
  { what: 'a wrong signature', code: 'VHDX_NOT_VHDX', change: (b) => void b.write('vhdxfilf') },
  {
    what: 'no headers',
    code: 'VHDX_UNFINISHED',
    change: (b) => void b.fill(0, HEADERS[0], REGION_TABLES[0]),
    checksums: false,
  },
  { what: 'two damaged headers', code: 'VHDX_HEADERS_DAMAGED', change: inHeaders(SPOIL), checksums: false },
  {
    what: 'headers that begin with something else',
    code: 'VHDX_HEADERS_DAMAGED',
    change: inHeaders((b, at) => b.write('hear', at)),
  },
  {
    what: 'two different headers of one number',
    code: 'VHDX_HEADERS_AMBIGUOUS',
    change: (b) => {
      b.copy(b, HEADERS[0] + 8, HEADERS[1] + 8, HEADERS[1] + 16);
      b[HEADERS[0] + 20] ^= 1;
    },
  },
  {
    what: 'another version',
    code: 'VHDX_VERSION',
    change: inHeaders((b, at) => b.writeUInt16LE(2, at + 66)),
  },
  {
    what: 'a log of another version with something in it',
    code: 'VHDX_LOG_VERSION',
    change: inHeaders((b, at) => {
      GUID_OF_LOG(b, at);
      b.writeUInt16LE(1, at + 64);
    }),
  },
  {
    what: 'a log of no length with something in it',
    code: 'VHDX_LOG_ABSENT',
    change: inHeaders((b, at) => {
      GUID_OF_LOG(b, at);
      b.writeUInt32LE(0, at + 68);
    }),
  },
  {
    what: 'a log at an odd place',
    code: 'VHDX_LOG_PLACE',
    change: inHeaders((b, at) => b.writeUInt32LE(MIB + 4096, at + 72)),
  },
  {
    what: 'a log of odd length',
    code: 'VHDX_LOG_PLACE',
    change: inHeaders((b, at) => b.writeUInt32LE(MIB / 2, at + 68)),
  },
  {
    what: 'a log in the first megabyte',
    code: 'VHDX_LOG_PLACE',
    change: inHeaders((b, at) => b.writeUInt32LE(0, at + 72)),
  },
  {
    what: 'a log past the end',
    code: 'VHDX_LOG_PAST_END',
    change: inHeaders((b, at) => b.writeUInt32LE(0xfff00000, at + 68)),
  },
  {
    what: 'a log that was about to be used',
    code: 'VHDX_LOG_UNUSED',
    change: inHeaders(GUID_OF_LOG),
    repair: 'clear-log',
  },
  {
    what: 'a log without a valid entry',
    code: 'VHDX_LOG_NO_SEQUENCE',
    change: (b) => {
      inHeaders(GUID_OF_LOG)(b);
      b[2 * MIB - 1] = 1;
    },
  },
  {
    what: 'a log of a file that was longer',
    code: 'VHDX_LOG_CUT_SHORT',
    change: (b) => usedLog(b, b.length + MIB),
  },
  {
    what: 'a log at 2^63',
    code: 'VHDX_LOG_PAST_END',
    change: inHeaders((b, at) => b.writeUInt32LE(0x80000000, at + 76)),
  },
];

const REGION_DAMAGES: readonly Damage[] = [
  {
    what: 'two damaged region tables',
    code: 'VHDX_REGION_TABLES_DAMAGED',
    change: inRegions(SPOIL),
    checksums: false,
  },
  {
    what: 'region tables that begin with something else',
    code: 'VHDX_REGION_TABLES_DAMAGED',
    change: inRegions((b, at) => b.write('rege', at)),
  },
  {
    what: 'a region table of 5000 entries',
    code: 'VHDX_REGION_COUNT',
    change: inRegions((b, at) => b.writeUInt32LE(5000, at + 8)),
  },
  {
    what: 'reserved bits in the region table',
    code: 'VHDX_REGION_RESERVED',
    change: inRegions((b, at) => b.writeUInt32LE(1, at + 12)),
  },
  {
    what: 'reserved bits of a region',
    code: 'VHDX_REGION_RESERVED',
    change: inRegions((b, at) => b.writeUInt32LE(3, at + 44)),
  },
  {
    what: 'a region that is listed twice',
    code: 'VHDX_REGION_DUPLICATE',
    change: inRegions((b, at) => {
      b.copy(b, at + 80, at + 16, at + 48);
      b.writeUInt32LE(3, at + 8);
    }),
  },
  {
    what: 'a region at an odd place',
    code: 'VHDX_REGION_PLACE',
    change: inRegions((b, at) => b.writeUInt32LE(BAT + 4096, at + 32)),
  },
  {
    what: 'a region in the first megabyte',
    code: 'VHDX_REGION_PLACE',
    change: inRegions((b, at) => b.writeUInt32LE(0, at + 64)),
  },
  {
    what: 'a region of no length',
    code: 'VHDX_REGION_PLACE',
    change: inRegions((b, at) => b.writeUInt32LE(0, at + 40)),
  },
  {
    what: 'a region of odd length',
    code: 'VHDX_REGION_PLACE',
    change: inRegions((b, at) => b.writeUInt32LE(65536, at + 72)),
  },
  {
    what: 'a region past the end',
    code: 'VHDX_REGION_PAST_END',
    change: inRegions((b, at) => b.writeUInt32LE(0xff, at + 36)),
  },
  {
    what: 'an optional region past the end',
    code: 'VHDX_REGION_PAST_END',
    change: (b) => addRegion(b, 100 * MIB, 0),
  },
  {
    what: 'an unknown region that is required',
    code: 'VHDX_REGION_UNKNOWN',
    change: (b) => {
      const larger = grown(b, MIB);
      addRegion(larger, 6 * MIB, 1);
      return larger;
    },
  },
  {
    what: 'no metadata region',
    code: 'VHDX_REGION_MISSING',
    change: inRegions((b, at) => b.writeUInt32LE(1, at + 8)),
  },
  {
    what: 'no block table',
    code: 'VHDX_REGION_MISSING',
    change: inRegions((b, at) => {
      b.copy(b, at + 16, at + 48, at + 80);
      b.writeUInt32LE(1, at + 8);
    }),
  },
  {
    what: 'a log on top of the block table',
    code: 'VHDX_REGION_OVERLAP',
    change: inHeaders((b, at) => b.writeUInt32LE(BAT, at + 72)),
  },
  {
    what: 'an optional region on top of the log',
    code: 'VHDX_REGION_OVERLAP',
    change: (b) => addRegion(b, MIB, 0),
  },
  {
    what: 'the block table on top of the metadata',
    code: 'VHDX_REGION_OVERLAP',
    change: inRegions((b, at) => b.writeUInt32LE(METADATA, at + 32)),
  },
];

const flagsOf = (index: number, flags: number): Change => {
  return (b) => void b.writeUInt32LE(flags, itemEntry(index) + 24);
};

const METADATA_DAMAGES: readonly Damage[] = [
  {
    what: 'no metadata signature',
    code: 'VHDX_METADATA_SIGNATURE',
    change: (b) => void b.write('metadato', METADATA),
  },
  {
    what: 'a metadata table of 5000 entries',
    code: 'VHDX_METADATA_COUNT',
    change: (b) => void b.writeUInt16LE(5000, METADATA + 10),
  },
  {
    what: '1025 items of users',
    code: 'VHDX_METADATA_COUNT',
    change: (b) => {
      for (let i = 0; i < 1025; i++) addItem(b, { flags: 1, offset: 0, length: 0 });
    },
  },
  {
    what: '1024 items of systems',
    code: 'VHDX_METADATA_COUNT',
    change: (b) => {
      for (let i = 0; i < 1024 - 5; i++) addItem(b, { offset: 0, length: 0 });
    },
  },
  {
    what: 'reserved bits in the metadata table',
    code: 'VHDX_METADATA_RESERVED',
    change: (b) => void b.writeUInt16LE(1, METADATA + 8),
  },
  {
    what: 'reserved bytes in the metadata table',
    code: 'VHDX_METADATA_RESERVED',
    change: (b) => void b.fill(1, METADATA + 31, METADATA + 32),
  },
  {
    what: 'reserved bits of an item',
    code: 'VHDX_METADATA_RESERVED',
    change: (b) => void b.writeUInt32LE(1, itemEntry(1) + 28),
  },
  { what: 'reserved flags of an item', code: 'VHDX_METADATA_RESERVED', change: flagsOf(0, 4 | 8) },
  { what: 'an item without an identity', code: 'VHDX_ITEM_ID', change: (b) => addItem(b, { id: 0 }) },
  {
    what: 'an item outside of the region',
    code: 'VHDX_ITEM_PLACE',
    change: (b) => void b.writeUInt32LE(0xfffffff0, itemEntry(0) + 16),
  },
  { what: 'an item inside the table', code: 'VHDX_ITEM_PLACE', change: (b) => addItem(b, { offset: 4096 }) },
  {
    what: 'an empty item that has a place',
    code: 'VHDX_ITEM_PLACE',
    change: (b) => addItem(b, { length: 0 }),
  },
  {
    what: 'an item of two megabytes',
    code: 'VHDX_ITEM_TOO_LONG',
    change: (b) => addItem(b, { length: 2 * MIB }),
  },
  {
    what: 'two items at one place',
    code: 'VHDX_ITEM_OVERLAP',
    change: (b) => addItem(b, { offset: 65536 + 7, length: 1 }),
  },
  {
    what: 'an item of a user inside another',
    code: 'VHDX_ITEM_OVERLAP',
    change: (b) => {
      addItem(b, { length: 4096 });
      addItem(b, { flags: 1, offset: 0x20000 + 512, length: 8 });
      addItem(b, { flags: 1, offset: 0x20000 + 1024, length: 8 });
    },
  },
  {
    what: 'an item that is listed twice',
    code: 'VHDX_ITEM_DUPLICATE',
    change: (b) => {
      addItem(b, {});
      b.copy(b, itemEntry(5), itemEntry(1), itemEntry(1) + 16);
      b.writeUInt32LE(6, itemEntry(5) + 24);
    },
  },
  {
    what: 'an unknown item that is listed twice',
    code: 'VHDX_ITEM_DUPLICATE',
    change: (b) => {
      addItem(b, {});
      addItem(b, { offset: 0x30000 });
      b.copy(b, itemEntry(6), itemEntry(5), itemEntry(5) + 16);
    },
  },
  { what: 'file parameters that belong to the disk', code: 'VHDX_ITEM_FLAGS', change: flagsOf(0, 6) },
  { what: 'file parameters that are not required', code: 'VHDX_ITEM_FLAGS', change: flagsOf(0, 0) },
  ...[1, 2, 3, 4].map((index): Damage => {
    return { what: `item ${index} not of the disk`, code: 'VHDX_ITEM_FLAGS', change: flagsOf(index, 4) };
  }),
  {
    what: 'an item of a user that is required',
    code: 'VHDX_ITEM_FLAGS',
    change: (b) => addItem(b, { flags: 1 | 4 }),
  },
  {
    what: 'an item of another length',
    code: 'VHDX_ITEM_LENGTH',
    change: (b) => void b.writeUInt32LE(7, itemEntry(0) + 20),
  },
  {
    what: 'a missing item',
    code: 'VHDX_ITEM_MISSING',
    change: (b) => void b.writeUInt16LE(4, METADATA + 10),
  },
  {
    what: 'an item that belongs to a user instead',
    code: 'VHDX_ITEM_MISSING',
    change: flagsOf(4, 1),
  },
  {
    what: 'an unknown item that is required',
    code: 'VHDX_ITEM_UNKNOWN',
    change: (b) => addItem(b, { flags: 4 }),
  },
  {
    what: 'the mark of a file that is being made',
    code: 'VHDX_UNFINISHED',
    change: (b) => {
      addItem(b, { flags: 4, offset: 0, length: 0 });
      Buffer.from('f085cc71691b284e9558c3bf83ae75d3', 'hex').copy(b, itemEntry(5));
    },
  },
  {
    what: 'reserved bits in the file parameters',
    code: 'VHDX_PARAMETERS_RESERVED',
    change: (b) => void b.writeUInt32LE(4, ITEMS + 4),
  },
  ...[3 * MIB, 0, MIB / 2, 512 * MIB].map((bytes): Damage => {
    const what = `blocks of ${bytes} bytes`;
    return { what, code: 'VHDX_BLOCK_SIZE', change: (b) => void b.writeUInt32LE(bytes, ITEMS) };
  }),
  { what: 'a size of zero', code: 'VHDX_DISK_SIZE', change: (b) => void b.fill(0, ITEMS + 8, ITEMS + 16) },
  {
    what: 'a size of 2^63 bytes',
    code: 'VHDX_DISK_SIZE',
    change: (b) => void b.fill(0x80, ITEMS + 15, ITEMS + 16),
  },
  {
    what: 'a size of half a sector',
    code: 'VHDX_DISK_SIZE',
    change: (b) => void b.writeUInt32LE(0x100, ITEMS + 8),
  },
  {
    what: 'sectors of 1000 bytes',
    code: 'VHDX_SECTOR_SIZE',
    change: (b) => void b.writeUInt32LE(1000, ITEMS + 16),
  },
  {
    what: 'physical sectors of 8192 bytes',
    code: 'VHDX_SECTOR_SIZE',
    change: (b) => void b.writeUInt32LE(8192, ITEMS + 20),
  },
  {
    what: 'a parent but no locator',
    code: 'VHDX_LOCATOR_MISSING',
    change: (b) => void b.writeUInt32LE(2, ITEMS + 4),
  },
];

const LOCATOR_DAMAGES: readonly Damage[] = (
  [
    ['a locator of another type', 'VHDX_LOCATOR_TYPE', (b) => void b.fill(0, LOCATOR, LOCATOR + 4)],
    ['reserved bits in the locator', 'VHDX_LOCATOR_RESERVED', (b) => void b.writeUInt16LE(1, LOCATOR + 16)],
    ['a locator without entries', 'VHDX_LOCATOR_TABLE', (b) => void b.writeUInt16LE(0, LOCATOR + 18)],
    ['a locator longer than its item', 'VHDX_LOCATOR_TABLE', (b) => void b.writeUInt16LE(200, LOCATOR + 18)],
    ['a locator of 300 entries', 'VHDX_LOCATOR_TABLE', (b) => void b.writeUInt16LE(300, LOCATOR + 18)],
    ['a locator of 4 bytes', 'VHDX_LOCATOR_TABLE', (b) => void b.writeUInt32LE(4, itemEntry(5) + 20)],
    ['an entry outside of the locator', 'VHDX_LOCATOR_ENTRY', (b) => void b.writeUInt32LE(1e9, LOCATOR + 20)],
    ['a key of half a character', 'VHDX_LOCATOR_ENTRY', (b) => void b.writeUInt16LE(27, LOCATOR + 28)],
    ['an empty value', 'VHDX_LOCATOR_ENTRY', (b) => void b.writeUInt16LE(0, LOCATOR + 30)],
    [
      'two values of one key',
      'VHDX_LOCATOR_DUPLICATE',
      (b) => void b.copy(b, LOCATOR + 32, LOCATOR + 20, LOCATOR + 32),
    ],
    ['no identity of the parent', 'VHDX_LOCATOR_LINKAGE', (b) => void b.write('x', LOCATOR + 56)],
    [
      'an identity that is none',
      'VHDX_LOCATOR_LINKAGE',
      (b) => void b.write('x', b.indexOf('{', LOCATOR, 'utf16le') + 2),
    ],
    ['no path to the parent', 'VHDX_LOCATOR_PATH', (b) => void b.writeUInt16LE(1, LOCATOR + 18)],
    ['a locator that belongs to the disk', 'VHDX_ITEM_FLAGS', flagsOf(5, 6)],
  ] satisfies [string, ErrorCode, Change][]
).map(([what, code, change]) => ({ what, code, change, file: 'child' }));

/** A base as large as two chunks, so that its table has an entry for a sector bitmap. */
const twoChunks = (b: Buffer) => b.writeBigUInt64LE(BigInt(5 * GIB), ITEMS + 8);

const BAT_DAMAGES: readonly Damage[] = [
  {
    what: 'a size beyond its block table',
    code: 'VHDX_BAT_TOO_SMALL',
    change: (b) => void b.writeUInt32LE(64, ITEMS + 12),
  },
  {
    what: 'reserved bits in a block entry',
    code: 'VHDX_BAT_RESERVED',
    change: (b) => void (b[BAT + 9] |= 1),
  },
  {
    what: 'reserved bits of an absent block',
    code: 'VHDX_BAT_RESERVED',
    change: (b) => batEntry(b, 0, 1 << 19),
  },
  {
    what: 'reserved bits of a sector bitmap',
    code: 'VHDX_BAT_RESERVED',
    change: (b) => void (b[BAT + 4096 * 8] |= 8),
    file: 'child',
  },
  { what: 'a block in state 4', code: 'VHDX_BLOCK_STATE', change: (b) => batEntry(b, 0, 4) },
  { what: 'a block in state 5', code: 'VHDX_BLOCK_STATE', change: (b) => batEntry(b, 7, 5) },
  { what: 'two blocks at one place', code: 'VHDX_BLOCK_OVERLAP', change: (b) => batEntry(b, 3, 6, 4) },
  { what: 'a block on top of the log', code: 'VHDX_BLOCK_OVERLAP', change: (b) => batEntry(b, 1, 6, 1) },
  { what: 'a block on top of the metadata', code: 'VHDX_BLOCK_OVERLAP', change: (b) => batEntry(b, 1, 6, 2) },
  {
    what: 'a block on top of the block table',
    code: 'VHDX_BLOCK_OVERLAP',
    change: (b) => batEntry(b, 1, 6, 3),
  },
  { what: 'a block without a place', code: 'VHDX_BLOCK_OVERLAP', change: (b) => batEntry(b, 1, 6) },
  { what: 'an anchor on top of a block', code: 'VHDX_BLOCK_OVERLAP', change: (b) => batEntry(b, 0, 3, 4) },
  {
    what: 'a sector bitmap on top of a block',
    code: 'VHDX_BLOCK_OVERLAP',
    change: (b) => batEntry(b, 4096, 6, 4),
    file: 'child',
  },
  { what: 'a block past the end', code: 'VHDX_BLOCK_PAST_END', change: (b) => batEntry(b, 1, 6, 6) },
  { what: 'a block at 2^63', code: 'VHDX_BLOCK_PAST_END', change: (b) => batEntry(b, 1, 6, 2 ** 43) },
  { what: 'an anchor past the end', code: 'VHDX_BLOCK_PAST_END', change: (b) => batEntry(b, 0, 1, 100) },
  {
    what: 'a sector bitmap past the end',
    code: 'VHDX_BLOCK_PAST_END',
    change: (b) => batEntry(b, 4096, 6, 6),
    file: 'child',
  },
  {
    what: 'a partial block without a parent',
    code: 'VHDX_PARTIAL_WITHOUT_PARENT',
    change: (b) => void (b[BAT + 8] |= 7),
  },
  {
    what: 'a partial block without a bitmap',
    code: 'VHDX_BITMAP_MISSING',
    change: (b) => batEntry(b, 4096, 0),
    file: 'child',
  },
  {
    what: 'a sector bitmap without a parent',
    code: 'VHDX_BITMAP_WITHOUT_PARENT',
    change: (b) => {
      twoChunks(b);
      batEntry(b, 4096, 6, 5);
    },
  },
  {
    what: 'a sector bitmap in a reserved state',
    code: 'VHDX_BITMAP_STATE',
    change: (b) => batEntry(b, 4096, 7, 5),
    file: 'child',
  },
];

/** What makes a file unreadable. */
export const DAMAGES: readonly Damage[] = [
  ...HEADER_DAMAGES,
  ...REGION_DAMAGES,
  ...METADATA_DAMAGES,
  ...LOCATOR_DAMAGES,
  ...BAT_DAMAGES,
];

/** What a check finds fault with, and readers do not. */
export const FLAWS: readonly Flaw[] = [
  {
    what: 'a damaged first header',
    code: 'VHDX_HEADER_DAMAGED',
    change: (b) => SPOIL(b, HEADERS[0]),
    checksums: false,
    repair: 'headers',
  },
  {
    what: 'a damaged second header, which was current',
    code: 'VHDX_HEADER_DAMAGED',
    change: (b) => SPOIL(b, HEADERS[1]),
    checksums: false,
    repair: 'headers',
  },
  {
    what: 'two identical headers',
    code: 'VHDX_HEADERS_TWIN',
    change: (b) => void b.copy(b, HEADERS[0], HEADERS[1], HEADERS[1] + 4096),
    repair: 'headers',
  },
  {
    what: 'a log with an entry that was not applied',
    code: 'VHDX_LOG_NOT_EMPTY',
    change: (b) => usedLog(b, b.length),
    repair: 'replay-log',
  },
  {
    what: 'a damaged first region table',
    code: 'VHDX_REGION_TABLE_DAMAGED',
    change: (b) => SPOIL(b, REGION_TABLES[0]),
    checksums: false,
    repair: 'region-tables',
  },
  {
    what: 'a damaged second region table',
    code: 'VHDX_REGION_TABLE_DAMAGED',
    change: (b) => SPOIL(b, REGION_TABLES[1]),
    checksums: false,
    repair: 'region-tables',
  },
  {
    what: 'region tables that differ',
    code: 'VHDX_REGION_TABLES_DIFFER',
    change: (b) => void b.writeUInt32LE(BAT + MIB, REGION_TABLES[1] + 32),
    repair: 'region-tables',
  },
  {
    what: 'regions that are not marked as required',
    code: 'VHDX_REGION_OPTIONAL',
    change: inRegions((b, at) => {
      b.writeUInt32LE(0, at + 44);
      b.writeUInt32LE(0, at + 76);
    }),
    repair: 'region-flags',
  },
  {
    what: 'a locator that no one needs',
    code: 'VHDX_LOCATOR_UNUSED',
    change: (b) => {
      b.writeUInt32LE(0, ITEMS + 4);
      b.fill(0, BAT, BAT + MIB);
      return b.subarray(0, 4 * MIB);
    },
    file: 'child',
  },
  {
    what: 'an absent block with a place',
    code: 'VHDX_ABSENT_WITH_PLACE',
    change: (b) => batEntry(b, 0, 0, 4),
    repair: 'bat-entries',
  },
  {
    what: 'ZERO with a place',
    code: 'VHDX_ABSENT_WITH_PLACE',
    change: (b) => batEntry(b, 0, 2, 4),
    repair: 'bat-entries',
  },
  {
    what: 'an absent sector bitmap with a place',
    code: 'VHDX_ABSENT_WITH_PLACE',
    change: (b) => {
      batEntry(b, 3, 6, 4);
      batEntry(b, 4096, 0, 4);
      return b.subarray(0, 5 * MIB);
    },
    file: 'child',
    repair: 'bat-entries',
  },
  {
    what: 'an entry for a block past the end of the disk',
    code: 'VHDX_BAT_SURPLUS',
    change: (b) => batEntry(b, 8, 6, 4),
    file: 'child',
    repair: 'bat-entries',
  },
  {
    what: 'an entry behind the last one',
    code: 'VHDX_BAT_SURPLUS',
    change: (b) => batEntry(b, 131071, 0xffff, 2 ** 40),
    repair: 'bat-entries',
  },
  {
    what: 'a fixed disk without some of its blocks',
    code: 'VHDX_FIXED_ABSENT',
    change: (b) => void b.writeUInt32LE(1, ITEMS + 4),
  },
  {
    what: 'a ragged end behind the last block',
    code: 'VHDX_FILE_LENGTH',
    change: (b) => grown(b, 1000),
    repair: 'file-length',
  },
  {
    what: 'space that nothing uses',
    code: 'VHDX_UNUSED_SPACE',
    change: (b) => grown(b, 2 * MIB),
    severity: 'note',
  },
];
