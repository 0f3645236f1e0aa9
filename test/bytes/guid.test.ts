import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGuid, isGuid, parseGuid, randomGuid } from '../../src/bytes/guid.ts';

describe('a GUID', () => {
  it('has its first three fields little endian', () => {
    const bytes = parseGuid('00112233-4455-6677-8899-AABBCCDDEEFF');
    expect(Buffer.from(bytes).toString('hex')).toBe('33221100554477668899aabbccddeeff');
  });

  it('comes back from its bytes in lower case', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = formatGuid(bytes);
        expect(text).toBe(text.toLowerCase());
        expect([...parseGuid(text)]).toEqual([...bytes]);
      }),
    );
    expect(isGuid(randomGuid())).toBe(true);
  });

  it('is refused when it is not one', () => {
    for (const text of [
      '',
      '{00112233-4455-6677-8899-aabbccddeeff}',
      '00112233-4455-6677-8899-aabbccddeefg',
    ]) {
      expect(isGuid(text)).toBe(false);
      expect(() => parseGuid(text)).toThrow(TypeError);
    }
  });
});
