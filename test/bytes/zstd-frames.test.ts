import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameScanner } from '../../src/bytes/zstd-frames.ts';

const refuse = () => new Error('no zstd');

function skippable(content: Uint8Array, kind: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50 + kind);
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content]);
}

describe('the end of a zstd frame', () => {
  it('is found whatever the frame holds, in pieces of any size, and nothing after it is taken', () => {
    const frame = fc.oneof(
      fc
        .tuple(fc.uint8Array({ maxLength: 400 }), fc.boolean(), fc.boolean())
        .map(([content, checksum, size]) => {
          const params = {
            [constants.ZSTD_c_checksumFlag]: checksum,
            [constants.ZSTD_c_contentSizeFlag]: size,
          };
          return { bytes: zstdCompressSync(content, { params }), kind: 'content' };
        }),
      fc
        .nat(400_000)
        .map((length) => ({ bytes: zstdCompressSync(Buffer.alloc(length, 1)), kind: 'content' })),
      fc
        .tuple(fc.uint8Array({ maxLength: 400 }), fc.nat(15))
        .map(([content, kind]) => ({ bytes: skippable(content, kind), kind: 'skippable' })),
    );
    fc.assert(
      fc.property(
        frame,
        fc.integer({ min: 1, max: 50 }),
        fc.uint8Array({ maxLength: 9 }),
        (one, step, rest) => {
          const bytes = Buffer.concat([one.bytes, rest]);
          const scanner = new FrameScanner(refuse);
          let end = 0;
          for (let at = 0; at < bytes.length && !scanner.isComplete; at += step) {
            const piece = bytes.subarray(at, at + step);
            end = at + scanner.scan(piece, 0);
          }
          expect([scanner.isComplete, end, scanner.kind]).toEqual([true, one.bytes.length, one.kind]);
        },
      ),
    );
  });

  it('is not looked for in anything else', () => {
    expect(() => new FrameScanner(refuse).scan(Buffer.from('text'), 0)).toThrow('no zstd');
    const scanner = new FrameScanner(refuse);
    expect(scanner.scan(Buffer.from([0x28, 0xb5, 0x2f]), 0)).toBe(3);
    expect(() => scanner.scan(Buffer.from([0xfe]), 0)).toThrow('no zstd');
  });
});
