import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { constants, zstdCompressSync } from 'node:zlib';
import { decompress } from '../../src/fs/decompress.ts';
import { describeWith } from '../support/needs.ts';
import { codeOf } from './scratch.ts';

async function unpack(bytes: Uint8Array, pieceBytes = bytes.length): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    pieces.push(Buffer.from(bytes.subarray(at, at + pieceBytes)));
  return buffer(decompress(Readable.from(pieces), 'zstd', 'a.zst'));
}

/** A skippable frame, such as the table of a seekable file. */
function skippable(content: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a5e);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
}

describe('a zstd stream', () => {
  it('of many frames, in pieces of any size, gives back all that went in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 500 }), fc.boolean(), fc.boolean()), { maxLength: 6 }),
        fc.integer({ min: 1, max: 1000 }),
        async (parts, pieceBytes) => {
          const frames = parts.map(([content, checksum, skip]) => {
            const params = { [constants.ZSTD_c_checksumFlag]: checksum };
            return Buffer.concat([
              zstdCompressSync(content, { params }),
              ...(skip ? [skippable('table')] : []),
            ]);
          });
          const whole = Buffer.concat(parts.map(([content]) => content));
          expect((await unpack(Buffer.concat(frames), pieceBytes)).equals(whole)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('that ends in the middle of any frame is cut short', async () => {
    const whole = Buffer.concat([
      zstdCompressSync('one '.repeat(99)),
      skippable('table'),
      zstdCompressSync('two'),
    ]);
    const ends = [zstdCompressSync('one '.repeat(99)).length, 0];
    for (let length = 1; length < whole.length; length++) {
      const code = await codeOf(() => unpack(whole.subarray(0, length)));
      const isFrameEnd = ends.includes(length) || length === (ends[0] ?? 0) + skippable('table').length;
      expect(code, `${length} bytes`).toBe(isFrameEnd ? undefined : 'FS_ARCHIVE_CUT_SHORT');
    }
  });

  it('with something else between or in its frames is damaged', async () => {
    const params = { [constants.ZSTD_c_checksumFlag]: true };
    const frame = zstdCompressSync(
      Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index) % 251)),
      { params },
    );
    expect(await codeOf(() => unpack(Buffer.concat([frame, Buffer.from('garbage')])))).toBe(
      'FS_ARCHIVE_CORRUPT',
    );
    const damaged = Buffer.from(frame);
    damaged.fill(0xff, 20, 60);
    expect(await codeOf(() => unpack(damaged))).toMatch(/^FS_ARCHIVE_(CORRUPT|CUT_SHORT)$/);
  });
});

describeWith(['zstd'], 'a zstd file of the zstd program', () => {
  it.each([['-1'], ['-19', '--long'], ['--check'], ['--no-check', '--no-content-size']])(
    'with %s %s is unpacked',
    async (...flags) => {
      const content = Buffer.from(Array.from({ length: 700_000 }, (_, index) => `${index}\n`).join(''));
      const packed = execFileSync('zstd', [...flags, '-c'], { input: content, maxBuffer: 1e8 });
      expect((await unpack(packed, 65_536)).equals(content)).toBe(true);
    },
  );
});
