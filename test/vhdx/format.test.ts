import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { BAT_REGION, METADATA_REGION, MIB, TIB } from '../../src/vhdx/format.ts';
import { bitmapEntryIndex, geometryOf, payloadEntryIndex, sectorsIn } from '../../src/vhdx/geometry.ts';
import { encodeHeader } from '../../src/vhdx/header.ts';
import { decodeLocator, encodeLocator } from '../../src/vhdx/locator.ts';
import { parentCandidates } from '../../src/vhdx/parent-paths.ts';
import { encodeRegionTable } from '../../src/vhdx/region.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('the records on disk', () => {
  it('have the bytes of a known header', () => {
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
    expect(hex(header.subarray(0, 80))).toBe(
      '686561648cea05f8080000000000000033221100554477668899aabbccddeeffccddeeffaabb8899' +
        '7766554433221100000000000000000000000000000000000000010000001000' +
        '0000100000000000',
    );
    expect(header.subarray(80).every((byte) => byte === 0)).toBe(true);
  });

  it('have the bytes of a known region table', () => {
    const table = encodeRegionTable(
      { fileOffset: 3 * MIB, length: MIB },
      { fileOffset: 2 * MIB, length: MIB },
    );
    expect(hex(table.subarray(0, 32))).toBe(
      '72656769ae8c6bc602000000000000006677c22d23f600429d64115e9bfd4a08',
    );
    expect([BAT_REGION, METADATA_REGION].every((guid) => guid === guid.toLowerCase())).toBe(true);
  });
});

describe('the geometry', () => {
  const shape = (sizeBytes: number, blockBytes: number, hasParent = false, logicalSectorBytes = 512) =>
    geometryOf({ sizeBytes, blockBytes, hasParent, logicalSectorBytes });

  it.each([
    [1024 * MIB, 32 * MIB, 32, 129],
    [10240 * MIB, 32 * MIB, 322, 387],
    [4096 * MIB + 1024, 2 * MIB, 2050, 4098],
  ])(
    'of %i bytes in blocks of %i has as many entries as the specification counts',
    (size, block, dynamic, diff) => {
      expect(shape(size, block).batEntryCount).toBe(dynamic);
      expect(shape(size, block, true).batEntryCount).toBe(diff);
    },
  );

  it('of the largest disk fits 513 MiB of table', () => {
    expect(shape(64 * TIB, MIB, true).batEntryCount * 8).toBeLessThanOrEqual(513 * MIB);
  });

  it('gives every block and every bitmap an entry of its own, in order', () => {
    const sizes = fc.integer({ min: 1, max: 50_000 }).map((sectors) => sectors * 4096 * 512);
    fc.assert(
      fc.property(
        sizes,
        fc.constantFrom(1, 2, 32, 256),
        fc.constantFrom(512, 4096),
        (size, mb, sectorBytes) => {
          const geometry = shape(size, mb * MIB, true, sectorBytes);
          let expected = 0;
          for (let block = 0; block < Math.min(geometry.blockCount, 9000); block++) {
            expect(payloadEntryIndex(geometry, block)).toBe(expected++);
            const chunk = Math.floor(block / geometry.chunkRatio);
            if (block % geometry.chunkRatio === geometry.chunkRatio - 1) {
              expect(bitmapEntryIndex(geometry, chunk)).toBe(expected++);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('knows how much of the last block lies on the disk', () => {
    const geometry = shape(5 * MIB + 1024, 2 * MIB);
    expect([0, 1, 2].map((block) => sectorsIn(geometry, block))).toEqual([4096, 4096, 2050]);
  });
});

describe('a parent locator', () => {
  it('comes back as it was written', () => {
    const text = fc.string({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.uuid(), fc.dictionary(text, text, { maxKeys: 5 }), (guid, others) => {
        const entries = new Map([
          ...Object.entries(others),
          ['parent_linkage', `{${guid.toUpperCase()}}`] as const,
          ['relative_path', '.\\base.vhdx'] as const,
        ]);
        const locator = decodeLocator(encodeLocator(entries), 'child.vhdx', 0);
        expect(locator).toEqual({ linkage: [guid], entries });
      }),
    );
  });

  it('never breaks on bytes of any kind', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, typed) => {
        if (typed) bytes.set(encodeLocator(new Map()).subarray(0, Math.min(16, bytes.length)));
        try {
          expect(decodeLocator(bytes, 'child.vhdx', 0)).toBeDefined();
        } catch (error) {
          if (!isHyperfileError(error)) throw error;
        }
      }),
    );
  });

  it('leads to the relative path first, then to every name beside the child', () => {
    const entries = new Map([
      ['absolute_win32_path', '\\\\?\\D:\\disks\\old.vhdx'],
      ['relative_path', '..\\parents\\base.vhdx'],
    ]);
    const places = parentCandidates('/store/layers/child.vhdx', { linkage: [], entries });
    expect(places).toEqual(['/store/parents/base.vhdx', '/store/layers/base.vhdx', '/store/layers/old.vhdx']);
  });
});
