import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/bytes/crc32c.ts';

/** The definition, a bit at a time. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('CRC-32C', () => {
  it('gives the published check values', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(4096))).toBe(0x98f94189);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it('agrees with the definition for every length and place in memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
        const part = bytes.subarray(start);
        expect(crc32c(part)).toBe(slowly(part));
      }),
    );
  });

  it('can be continued', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (one, two) => {
        expect(crc32c(two, crc32c(one))).toBe(crc32c(Buffer.concat([one, two])));
      }),
    );
  });
});
