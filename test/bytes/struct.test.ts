import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ascii, bytes, guid, size64, struct, u16, u32, u64 } from '../../src/bytes/struct.ts';

const record = struct(64, {
  signature: ascii(0, 4),
  small: u16(6),
  middle: u32(8),
  large: u64(12),
  size: size64(20),
  id: guid(28),
  raw: bytes(48, 5),
});

describe('a struct', () => {
  it('gives back every value it encodes', () => {
    const value = fc.record({
      signature: fc.string({ unit: 'binary-ascii', minLength: 4, maxLength: 4 }),
      small: fc.nat(0xffff),
      middle: fc.nat(0xffffffff),
      large: fc.bigInt(0n, 2n ** 64n - 1n),
      size: fc.maxSafeNat(),
      id: fc.uuid(),
      raw: fc.uint8Array({ minLength: 5, maxLength: 5 }),
    });
    fc.assert(
      fc.property(value, (given) => {
        expect(record.decode(record.encode(given))).toEqual(given);
      }),
    );
  });

  it('gives back every byte it decodes, and leaves the bytes between its fields alone', () => {
    // Sizes above 2^53 are rounded, so their top bytes stay clear here.
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (given) => {
        given.fill(0, 26, 28);
        expect(record.encode(record.decode(given), given.slice())).toEqual(given);
      }),
    );
  });

  it('lies where its fields say', () => {
    const pair = struct(8, { one: u16(2), two: u32(4) });
    expect(Buffer.from(pair.encode({ one: 0x0102, two: 0x03040506 })).toString('hex')).toBe(
      '0000020106050403',
    );
  });

  it('keeps impossible sizes impossible', () => {
    const decoded = struct(8, { size: size64(0) }).decode(new Uint8Array(8).fill(0xff));
    expect(decoded.size).toBeGreaterThan(2 ** 63);
  });

  it('is refused when fields overlap or leave it', () => {
    expect(() => struct(16, { one: u64(0), two: u32(7) })).toThrow('overlaps');
    expect(() => struct(16, { one: u64(9) })).toThrow('need 17 bytes');
  });

  it('refuses text and bytes of another length', () => {
    expect(() => struct(4, { name: ascii(0, 4) }).encode({ name: 'abc' })).toThrow(TypeError);
    expect(() => struct(4, { raw: bytes(0, 4) }).encode({ raw: new Uint8Array(3) })).toThrow(TypeError);
  });
});
