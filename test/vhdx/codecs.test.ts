/**
 * Every record of the format against a layout typed here from the specification's tables, written and read by nothing but
 * Buffer's own methods: a field at a wrong place, of a wrong width or in the wrong byte order shows, and so does a record
 * that is added to the format without a layout here.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/bytes/crc32c.ts';
import type { Struct } from '../../src/bytes/struct.ts';
import * as format from '../../src/vhdx/format.ts';
import { bitmapEntryIndex, geometryOf, payloadEntryIndex } from '../../src/vhdx/geometry.ts';
import { encodeHeader } from '../../src/vhdx/header.ts';
import { encodeLocator } from '../../src/vhdx/locator.ts';
import { encodeMetadata } from '../../src/vhdx/metadata.ts';
import { encodeRegionTable } from '../../src/vhdx/region.ts';
import { bitwiseCrc32c } from './golden-file.ts';

type Kind = 'u16' | 'u32' | 'u64' | 'size' | 'guid' | `text${number}` | `raw${number}`;
type Layout = readonly [sizeBytes: number, fields: Readonly<Record<string, readonly [number, Kind]>>];

/** The records as the tables of MS-VHDX print them: the field's offset and what it is. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  fileIdentifier: [520, { signature: [0, 'text8'], creator: [8, 'raw512'] }],
  headerRecord: [
    4096,
    {
      signature: [0, 'text4'],
      checksum: [4, 'u32'],
      sequenceNumber: [8, 'u64'],
      fileWriteGuid: [16, 'guid'],
      dataWriteGuid: [32, 'guid'],
      logGuid: [48, 'guid'],
      logVersion: [64, 'u16'],
      version: [66, 'u16'],
      logLength: [68, 'u32'],
      logOffset: [72, 'size'],
    },
  ],
  regionTableHeader: [
    16,
    { signature: [0, 'text4'], checksum: [4, 'u32'], entryCount: [8, 'u32'], reserved: [12, 'u32'] },
  ],
  regionEntry: [32, { guid: [0, 'guid'], fileOffset: [16, 'size'], length: [24, 'u32'], flags: [28, 'u32'] }],
  metadataTableHeader: [
    32,
    { signature: [0, 'text8'], reserved: [8, 'u16'], entryCount: [10, 'u16'], reserved2: [12, 'raw20'] },
  ],
  metadataEntry: [
    32,
    {
      itemId: [0, 'guid'],
      offset: [16, 'u32'],
      length: [20, 'u32'],
      flags: [24, 'u32'],
      reserved: [28, 'u32'],
    },
  ],
  // The figure in the text has these two the other way round; every file that Windows wrote has them like this.
  fileParametersItem: [8, { blockBytes: [0, 'u32'], flags: [4, 'u32'] }],
  virtualDiskSizeItem: [8, { sizeBytes: [0, 'size'] }],
  virtualDiskIdItem: [16, { id: [0, 'guid'] }],
  sectorSizeItem: [4, { sectorBytes: [0, 'u32'] }],
  locatorHeader: [20, { type: [0, 'guid'], reserved: [16, 'u16'], keyValueCount: [18, 'u16'] }],
  locatorEntry: [
    12,
    { keyOffset: [0, 'u32'], valueOffset: [4, 'u32'], keyLength: [8, 'u16'], valueLength: [10, 'u16'] },
  ],
  logEntryHeader: [
    64,
    {
      signature: [0, 'text4'],
      checksum: [4, 'u32'],
      entryBytes: [8, 'u32'],
      tailOffset: [12, 'u32'],
      sequenceNumber: [16, 'u64'],
      descriptorCount: [24, 'u32'],
      reserved: [28, 'u32'],
      logGuid: [32, 'guid'],
      flushedFileBytes: [48, 'size'],
      lastFileBytes: [56, 'size'],
    },
  ],
  logDataDescriptor: [
    32,
    {
      signature: [0, 'text4'],
      trailing: [4, 'raw4'],
      leading: [8, 'raw8'],
      fileOffset: [16, 'size'],
      sequenceNumber: [24, 'u64'],
    },
  ],
  logZeroDescriptor: [
    32,
    {
      signature: [0, 'text4'],
      reserved: [4, 'u32'],
      length: [8, 'size'],
      fileOffset: [16, 'size'],
      sequenceNumber: [24, 'u64'],
    },
  ],
  logDataSector: [
    4096,
    { signature: [0, 'text4'], sequenceHigh: [4, 'u32'], middle: [8, 'raw4084'], sequenceLow: [4092, 'u32'] },
  ],
};

function widthOf(kind: Kind): number {
  const fixed = { u16: 2, u32: 4, u64: 8, size: 8, guid: 16 };
  return kind in fixed ? fixed[kind as keyof typeof fixed] : Number(kind.replace(/\D/g, ''));
}

/** Writes a field with Buffer's methods only. */
function put(bytes: Buffer, at: number, kind: Kind, value: unknown): void {
  if (kind === 'u16') bytes.writeUInt16LE(value as number, at);
  else if (kind === 'u32') bytes.writeUInt32LE(value as number, at);
  else if (kind === 'u64') bytes.writeBigUInt64LE(value as bigint, at);
  else if (kind === 'size') bytes.writeBigUInt64LE(BigInt(value as number), at);
  else if (kind === 'guid') putGuid(bytes, at, value as string);
  else if (kind.startsWith('text')) bytes.write(value as string, at, 'latin1');
  else bytes.set(value as Uint8Array, at);
}

/** Microsoft's mixed form: three little-endian numbers, then eight bytes in order. */
function putGuid(bytes: Buffer, at: number, text: string): void {
  const [a, b, c, ...rest] = text.split('-');
  bytes.writeUInt32LE(Number.parseInt(a, 16), at);
  bytes.writeUInt16LE(Number.parseInt(b, 16), at + 4);
  bytes.writeUInt16LE(Number.parseInt(c, 16), at + 6);
  bytes.write(rest.join(''), at + 8, 'hex');
}

const hexDigits = (count: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: count, maxLength: count })
    .map((digits) => digits.join(''));

function valueOf(kind: Kind): fc.Arbitrary<unknown> {
  const length = widthOf(kind);
  if (kind === 'u16') return fc.nat(0xffff);
  if (kind === 'u32') return fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0xffffffff, 0x80000000));
  if (kind === 'u64') return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  if (kind === 'size') return fc.maxSafeNat();
  if (kind === 'guid') {
    return fc.tuple(...[8, 4, 4, 4, 12].map(hexDigits)).map((parts) => parts.join('-'));
  }
  if (kind.startsWith('text')) {
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((b) => Buffer.from(b).toString('latin1'));
  }
  return fc.uint8Array({ minLength: length, maxLength: length });
}

function recordOf([, fields]: Layout): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(Object.entries(fields).map(([name, [, kind]]) => [name, valueOf(kind)])),
  );
}

function isStruct(value: unknown): value is Struct<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && 'decode' in value && 'encode' in value;
}

const structs = Object.entries(format).filter(([, value]) => isStruct(value)) as [
  string,
  Struct<Record<string, unknown>>,
][];

describe('the records of the format', () => {
  it('all have a layout here', () => {
    expect(structs.map(([name]) => name).sort()).toEqual(Object.keys(LAYOUTS).sort());
  });

  describe.each(structs)('%s', (name, record) => {
    const layout = LAYOUTS[name];
    const [sizeBytes, fields] = layout;
    const background = fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes });

    it('has the size of the specification', () => {
      expect(record.sizeBytes).toBe(sizeBytes);
    });

    it('is written as its layout says, and nothing beside its fields is touched', () => {
      fc.assert(
        fc.property(recordOf(layout), background, (value, before) => {
          const expected = Buffer.from(before);
          for (const [field, [at, kind]] of Object.entries(fields)) put(expected, at, kind, value[field]);
          expect(Buffer.compare(record.encode(value, Uint8Array.from(before)), expected)).toBe(0);
        }),
      );
    });

    it('is read as it was written, also from the middle of something larger', () => {
      fc.assert(
        fc.property(recordOf(layout), fc.nat(9), (value, lead) => {
          const around = new Uint8Array(sizeBytes + lead + 3).fill(0xa5);
          record.encode(value, around.subarray(lead));
          expect(record.decode(around.subarray(lead))).toEqual(value);
          expect(around.subarray(0, lead).every((byte) => byte === 0xa5)).toBe(true);
          expect(around.subarray(lead + sizeBytes).every((byte) => byte === 0xa5)).toBe(true);
        }),
      );
    });

    it('keeps the bytes of its fields when it is read and written again', () => {
      fc.assert(
        fc.property(background, (bytes) => {
          // Sizes above 2^53 are not kept to the last bit: they are only ever refused.
          for (const [at, kind] of Object.values(fields)) {
            if (kind === 'size') bytes.fill(0, at + 6, at + 8);
          }
          const expected = Buffer.alloc(sizeBytes);
          for (const [at, kind] of Object.values(fields)) {
            expected.set(bytes.subarray(at, at + widthOf(kind)), at);
          }
          expect(Buffer.compare(record.encode(record.decode(bytes)), expected)).toBe(0);
        }),
      );
    });
  });

  it('take sizes above 2^53 for something huge, never for something small', () => {
    const huge = fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(huge, (value) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(value);
        expect(format.virtualDiskSizeItem.decode(bytes).sizeBytes).toBeGreaterThanOrEqual(2 ** 53);
      }),
    );
  });
});

describe('CRC-32C', () => {
  it('has the two known check values', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(4096))).toBe(0x98f94189);
    expect(bitwiseCrc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(bitwiseCrc32c(new Uint8Array(4096))).toBe(0x98f94189);
  });

  it('is what one bit after the other gives, in one piece or in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        const expected = bitwiseCrc32c(bytes);
        expect(crc32c(bytes)).toBe(expected);
        expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(expected);
      }),
    );
  });
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const words = (text: string) => text.replace(/\s+/g, '');
const MIB = 1024 * 1024;

describe('golden bytes', () => {
  it('of a header: its checksum is the known one', () => {
    const header = encodeHeader({
      sequenceNumber: 8n,
      fileWriteGuid: '00112233-4455-6677-8899-aabbccddeeff',
      dataWriteGuid: 'ffeeddcc-bbaa-9988-7766-554433221100',
      logGuid: '00000000-0000-0000-0000-000000000000',
      logVersion: 0,
      version: 1,
      logLength: MIB,
      logOffset: MIB,
    });
    expect(hex(header)).toBe(
      words(`68656164 8cea05f8 0800000000000000 33221100554477668899aabbccddeeff
             ccddeeffaabb88997766554433221100 00000000000000000000000000000000
             0000 0100 00001000 0000100000000000`) + '00'.repeat(4016),
    );
  });

  it('of a region table: the block table first, both required, the known checksum', () => {
    const table = encodeRegionTable(
      { fileOffset: 3 * MIB, length: MIB },
      { fileOffset: 2 * MIB, length: MIB },
    );
    expect(hex(table)).toBe(
      words(`72656769 ae8c6bc6 02000000 00000000
             6677c22d23f600429d64115e9bfd4a08 0000300000000000 00001000 01000000
             06a27c8b90479a4bb8fe575f050f886e 0000200000000000 00001000 01000000`) + '00'.repeat(65536 - 80),
    );
    expect(new DataView(table.buffer).getUint32(4, true)).toBe(0xc66b8cae);
  });

  it('of the metadata: the items in the order and packing of Windows', () => {
    const region = encodeMetadata({
      sizeBytes: 0x123456789a00,
      blockBytes: 32 * MIB,
      logicalSectorBytes: 512,
      physicalSectorBytes: 4096,
      virtualDiskId: '00112233-4455-6677-8899-aabbccddeeff',
      hasParent: false,
      leaveBlocksAllocated: true,
    });
    const table = words(`
      6d65746164617461 0000 0500 0000000000000000000000000000000000000000
      3767a1ca36fa434db3b633f0aa44e76b 00000100 08000000 04000000 00000000
      2442a52f1bcd7648b2115dbed83bf4b8 08000100 08000000 06000000 00000000
      1dbf41816fa90947ba47f233a8faab5f 10000100 04000000 06000000 00000000
      c748a3cd5d4471449cc9e9885251c556 14000100 04000000 06000000 00000000
      ab12cabee6b2234593efc309e000c746 18000100 10000000 06000000 00000000`);
    const items = words(
      `00000002 01000000  009a785634120000  00020000  00100000  33221100554477668899aabbccddeeff`,
    );
    expect(hex(region)).toBe(table.padEnd(2 * 65536, '0') + items);
  });

  it('of a parent locator: no NUL, no byte order mark, no gaps', () => {
    const item = encodeLocator(
      new Map([
        ['parent_linkage', '{1}'],
        ['relative_path', '.\\ä'],
      ]),
    );
    // 20 bytes of header, two entries of 12: the first text lies at 44.
    expect(hex(item)).toBe(
      words(`b7ef4ab09ed1814ab78925b8e9445913 0000 0200
             2c000000 48000000 1c00 0600
             4e000000 68000000 1a00 0600
             70006100720065006e0074005f006c0069006e006b00610067006500 7b0031007d00
             720065006c00610074006900760065005f007000610074006800 2e005c00e400`),
    );
  });
});

describe('the geometry of the worked examples', () => {
  const shape = (sizeBytes: number, blockBytes: number, hasParent = false, logicalSectorBytes = 512) =>
    geometryOf({ sizeBytes, blockBytes, hasParent, logicalSectorBytes });

  it('1 GiB in blocks of 32 MiB: 128 blocks a chunk, 32 entries', () => {
    const geometry = shape(1024 * MIB, 32 * MIB);
    expect(geometry).toMatchObject({ chunkRatio: 128, blockCount: 32, batEntryCount: 32 });
  });

  it('10 GiB in blocks of 32 MiB: 320 blocks, 3 bitmaps; 322 entries, or 387 with a parent', () => {
    expect(shape(10240 * MIB, 32 * MIB)).toMatchObject({
      blockCount: 320,
      chunkCount: 3,
      batEntryCount: 322,
    });
    expect(shape(10240 * MIB, 32 * MIB, true)).toMatchObject({ chunkCount: 3, batEntryCount: 387 });
  });

  it('4 GiB and 1 KiB in blocks of 2 MiB: 2049 blocks; 2050 entries, or 4098 with a parent', () => {
    expect(shape(4096 * MIB + 1024, 2 * MIB)).toMatchObject({ blockCount: 2049, batEntryCount: 2050 });
    expect(shape(4096 * MIB + 1024, 2 * MIB, true)).toMatchObject({ batEntryCount: 4098 });
  });

  it('sectors of 4096 bytes: a chunk is 32 GiB', () => {
    expect(shape(32768 * MIB, MIB, false, 4096)).toMatchObject({ chunkRatio: 32768, batEntryCount: 32768 });
    expect(shape(32769 * MIB, MIB, false, 4096)).toMatchObject({ batEntryCount: 32770 });
    expect(shape(32769 * MIB, MIB, true, 4096)).toMatchObject({ batEntryCount: 65538 });
  });

  it('64 TiB in blocks of 1 MiB: 537 001 976 bytes of table without a parent, 513 MiB at most with one', () => {
    expect(shape(64 * MIB * MIB, MIB).batEntryCount * 8).toBe(537_001_976);
    expect(Math.ceil((shape(64 * MIB * MIB, MIB, true).batEntryCount * 8) / MIB)).toBe(513);
  });

  it('the entries of blocks step over those of bitmaps', () => {
    const geometry = shape(10240 * MIB, 32 * MIB, true);
    expect([0, 127, 128, 255, 256].map((block) => payloadEntryIndex(geometry, block))).toEqual([
      0, 127, 129, 256, 258,
    ]);
    expect([0, 1, 2].map((chunk) => bitmapEntryIndex(geometry, chunk))).toEqual([128, 257, 386]);
  });
});
