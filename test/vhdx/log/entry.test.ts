import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/bytes/crc32c.ts';
import { withChecksum } from '../../../src/vhdx/header.ts';
import {
  decodeLogEntry,
  encodeLogEntry,
  logEntryBytes,
  type LogChange,
  type LogEntry,
} from '../../../src/vhdx/log/entry.ts';
import { MIB, pattern } from '../scratch.ts';

const SECTOR = 4096;
const LOG_GUID = '00112233-4455-6677-8899-aabbccddeeff';
const RULES = { logGuid: LOG_GUID, logOffset: MIB, logLength: MIB };

function entryOf(changes: readonly LogChange[], rest: Partial<LogEntry> = {}): LogEntry {
  return {
    sequenceNumber: 1n,
    tailOffset: 0,
    logGuid: LOG_GUID,
    flushedFileBytes: 4 * MIB,
    lastFileBytes: 5 * MIB,
    changes,
    ...rest,
  };
}

const page = (fileOffset: number, seed = 1): LogChange => ({
  kind: 'page',
  fileOffset,
  bytes: new Uint8Array(pattern(SECTOR, seed)),
});
const zeros = (fileOffset: number, length: number): LogChange => ({ kind: 'zeros', fileOffset, length });

/** Offsets that a log may change: past the headers, not in the log, up to 64 TiB. */
const fileOffset = fc.oneof(
  fc.integer({ min: 48, max: 255 }).map((sector) => sector * SECTOR),
  fc.integer({ min: 512, max: 100_000 }).map((sector) => sector * SECTOR),
  fc.constant(64 * MIB * MIB),
);
const change: fc.Arbitrary<LogChange> = fc.oneof(
  fc.record({
    kind: fc.constant('page' as const),
    fileOffset,
    bytes: fc.uint8Array({ minLength: SECTOR, maxLength: SECTOR }),
  }),
  fc.record({
    kind: fc.constant('zeros' as const),
    fileOffset: fileOffset.map((offset) => Math.max(offset, 2 * MIB)),
    length: fc.nat(1_000_000).map((sectors) => sectors * SECTOR),
  }),
);
const entry: fc.Arbitrary<LogEntry> = fc.record({
  sequenceNumber: fc.bigInt(1n, 2n ** 64n - 1n),
  tailOffset: fc.nat(255).map((sector) => sector * SECTOR),
  logGuid: fc.constant(LOG_GUID),
  flushedFileBytes: fc.nat(2 ** 26).map((mb) => mb * MIB),
  lastFileBytes: fc.nat(2 ** 26).map((mb) => mb * MIB),
  changes: fc.array(change, { maxLength: 20 }),
});

describe('a log entry', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(entry, (given) => {
        const bytes = encodeLogEntry(given);
        expect(bytes.length).toBe(logEntryBytes(given.changes));
        expect(decodeLogEntry(bytes, RULES)).toEqual(given);
      }),
    );
  });

  it('has the bytes that the specification draws', () => {
    const bytes = encodeLogEntry(
      entryOf([zeros(3 * MIB, 0x12000), page(2 * MIB)], {
        sequenceNumber: 0x0102030405060708n,
        tailOffset: 0x7000,
      }),
    );
    const hex = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('hex');
    expect(bytes.length).toBe(2 * SECTOR);
    expect(hex(0, 4)).toBe(Buffer.from('loge').toString('hex'));
    expect(hex(8, 64)).toBe(
      '00200000' + // entry length
        '00700000' + // tail
        '0807060504030201' + // sequence number
        '02000000' + // descriptors
        '00000000' +
        '33221100554477668899aabbccddeeff' + // log GUID
        '0000400000000000' + // flushed file offset
        '0000500000000000', // last file offset
    );
    expect(hex(64, 96)).toBe(
      '7a65726f' + '00000000' + '0020010000000000' + '0000300000000000' + '0807060504030201',
    );
    const content = Buffer.from(pattern(SECTOR, 1));
    expect(hex(96, 128)).toBe(
      '64657363' +
        content.subarray(4092).toString('hex') +
        content.subarray(0, 8).toString('hex') +
        '0000200000000000' +
        '0807060504030201',
    );
    expect(bytes.subarray(128, SECTOR).every((byte) => byte === 0)).toBe(true);
    expect(hex(SECTOR, 2 * SECTOR)).toBe(
      '64617461' + '04030201' + content.subarray(8, 4092).toString('hex') + '08070605',
    );
    const unsummed = Buffer.from(bytes).fill(0, 4, 8);
    expect(Buffer.from(bytes).readUInt32LE(4)).toBe(crc32c(unsummed));
  });

  it.each([
    [0, 1],
    [126, 1],
    [127, 2],
    [126 + 128, 2],
    [126 + 128 + 1, 3],
  ])('with %i descriptors needs %i sectors for them', (count, sectors) => {
    const changes = Array.from({ length: count }, (_, i) => zeros(2 * MIB + i * SECTOR, SECTOR));
    const bytes = encodeLogEntry(entryOf(changes));
    expect(bytes.length).toBe(sectors * SECTOR);
    expect(decodeLogEntry(bytes, RULES)?.changes).toEqual(changes);
    const pages = changes.map(({ fileOffset }, i) => page(fileOffset, i));
    expect(logEntryBytes(pages)).toBe((sectors + count) * SECTOR);
    expect(
      decodeLogEntry(encodeLogEntry(entryOf(pages)), { ...RULES, logLength: 2 * MIB, logOffset: 64 * MIB })
        ?.changes,
    ).toEqual(pages);
  });

  it('is not valid when any of its bytes is another', () => {
    const bytes = encodeLogEntry(entryOf([page(2 * MIB), zeros(3 * MIB, SECTOR)]));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice();
        damaged[at] ^= flip;
        expect(decodeLogEntry(damaged, RULES)).toBeUndefined();
      }),
    );
  });
});

describe('a log entry whose checksum fits is still not valid', () => {
  const valid = encodeLogEntry(
    entryOf([page(2 * MIB), zeros(3 * MIB, 2 * SECTOR)], { sequenceNumber: 2n ** 32n + 7n }),
  );
  type Row = [what: string, damage: (view: DataView) => void];
  const first = 64;
  const second = 96;
  const u64 = (at: number, value: number | bigint) => (view: DataView) =>
    view.setBigUint64(at, BigInt(value), true);
  const u32 = (at: number, value: number) => (view: DataView) => view.setUint32(at, value, true);
  const rows: Row[] = [
    ['with another signature', u32(0, 0x65676f6d)],
    ['with another log GUID', u32(32, 1)],
    ['with the sequence number 0', u64(16, 0)],
    ['with another sequence number than its descriptors', u64(16, 2n ** 32n + 8n)],
    ['with a tail past the log', u32(12, MIB)],
    ['of no length', u32(8, 0)],
    ['of a length that is not whole sectors', u32(8, 2 * SECTOR - 512)],
    ['that is longer than its parts', u32(8, 3 * SECTOR)],
    ['as long as the log', u32(8, MIB)],
    ['with more descriptors than fit', u32(24, 127)],
    ['with one descriptor more than there are', u32(24, 3)],
    ['with one descriptor less, but its data', u32(24, 0)],
    ['with an unknown descriptor', u32(first, 0x63736563)],
    ['with a descriptor of another entry', u64(first + 24, 2n ** 32n + 6n)],
    ['with a zero descriptor of another entry', u64(second + 24, 7n)],
    ['that changes a page off the grid', u64(first + 16, 2 * MIB + 512)],
    ['that changes a header', u64(first + 16, 128 * 1024)],
    ['that changes the log', u64(first + 16, MIB + 64 * SECTOR)],
    ['that changes the last page of the log', u64(first + 16, 2 * MIB - SECTOR)],
    ['that clears a range off the grid', u64(second + 16, 3 * MIB + 1)],
    ['that clears a part of a page', u64(second + 8, SECTOR + 512)],
    [
      'that clears from before the log into it',
      (view) => (u64(second + 16, MIB - SECTOR)(view), u64(second + 8, 2 * SECTOR)(view)),
    ],
    [
      'that clears all around the log',
      (view) => (u64(second + 16, MIB - SECTOR)(view), u64(second + 8, 4 * MIB)(view)),
    ],
    [
      'that clears from before the log to the end of all',
      (view) => (u64(second + 16, MIB - SECTOR)(view), u64(second + 8, 2n ** 64n - 4096n)(view)),
    ],
    ['with another signature of its data', u32(SECTOR, 0x61746166)],
    ['with data of another entry, high', u32(SECTOR + 4, 0)],
    ['with data of another entry, low', u32(2 * SECTOR - 4, 8)],
  ];

  it.each(rows)('%s', (_, damage) => {
    const bytes = valid.slice();
    damage(new DataView(bytes.buffer));
    expect(decodeLogEntry(withChecksum(bytes), RULES)).toBeUndefined();
  });

  it('and these rows would pass without their damage', () => {
    expect(decodeLogEntry(withChecksum(valid.slice()), RULES)).toBeDefined();
  });

  it('when bytes are missing or follow it', () => {
    expect(decodeLogEntry(valid.subarray(0, SECTOR), RULES)).toBeUndefined();
    expect(decodeLogEntry(valid.subarray(0, 10), RULES)).toBeUndefined();
    expect(decodeLogEntry(new Uint8Array(3 * SECTOR).fill(0), RULES)).toBeUndefined();
    const longer = new Uint8Array(3 * SECTOR);
    longer.set(valid);
    expect(decodeLogEntry(longer, RULES)).toBeUndefined();
  });
});
