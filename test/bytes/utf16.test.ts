import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeUtf16, decodeUtf16Padded, encodeUtf16 } from '../../src/bytes/utf16.ts';

it('text comes back from UTF-16LE, lone surrogates included', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }), (text) => {
      expect(decodeUtf16(encodeUtf16(text))).toBe(text);
    }),
  );
});

it('padded text ends at the first NUL', () => {
  expect(decodeUtf16Padded(encodeUtf16('disk\0\0junk'))).toBe('disk');
  expect(decodeUtf16Padded(encodeUtf16('full'))).toBe('full');
});
