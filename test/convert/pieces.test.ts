import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PIECE_BYTES, piecesOf, readPiece } from '../../src/convert/pieces.ts';
import type { CopySource, DataRange } from '../../src/convert/source.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';

const file = new MemoryFile();

/** Ranges in order, some that touch, with the sizes at which pieces are cut among them. */
const ranges: fc.Arbitrary<DataRange[]> = fc
  .array(
    fc.record({
      gap: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 * PIECE_BYTES })),
      length: fc.oneof(
        fc.constantFrom(512, PIECE_BYTES - 512, PIECE_BYTES),
        fc.integer({ min: 1, max: 3 * PIECE_BYTES }),
      ),
      fileOffset: fc.nat(1e12),
    }),
    { maxLength: 12 },
  )
  .map((list) => {
    let offset = 0;
    return list.map(({ gap, length, fileOffset }) => {
      offset += gap + length;
      return { offset: offset - length, length, file, fileOffset };
    });
  });

describe('the pieces of a disk', () => {
  test('hold all of its data once, in order, each between two multiples of its size', () => {
    fc.assert(
      fc.property(ranges, (data) => {
        const pieces = [...piecesOf(data)];
        let end = 0;
        for (const piece of pieces) {
          expect(piece.offset).toBeGreaterThanOrEqual(end);
          end = piece.offset + piece.length;
          expect(Math.floor((end - 1) / PIECE_BYTES)).toBe(Math.floor(piece.offset / PIECE_BYTES));
          expect(piece.parts[0].offset).toBe(piece.offset);
          const last = piece.parts[piece.parts.length - 1];
          expect(last.offset + last.length).toBe(end);
        }
        // Put together again where they were cut, the parts are the ranges.
        const whole: DataRange[] = [];
        for (const part of pieces.flatMap(({ parts }) => parts)) {
          const before = whole.at(-1);
          const source = data.find(
            (range) => part.offset >= range.offset && part.offset < range.offset + range.length,
          )!;
          expect(part.fileOffset - source.fileOffset).toBe(part.offset - source.offset);
          if (before && part.offset !== source.offset)
            whole[whole.length - 1] = { ...before, length: before.length + part.length };
          else whole.push(part);
        }
        expect(whole).toEqual(data);
      }),
    );
  });

  test('are none of a disk without data', () => {
    expect([...piecesOf([])]).toEqual([]);
  });
});

/** A file whose reads in the background end in another order than they began. */
class SlowFile extends MemoryFile {
  reads = 0;
  async readLater(target: Uint8Array, at: number, length: number, fileOffset: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ++this.reads % 2 === 0 ? 0 : 5));
    this.readAt(target, at, length, fileOffset);
  }
}

describe('reading a piece', () => {
  const source = (readable: MemoryFile): CopySource => ({
    sizeBytes: PIECE_BYTES,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    data: () => [],
    read: (target, offset) => {
      target.fill(9);
      readable.readAt(target, 0, 1, offset);
    },
    close: () => undefined,
  });
  const partsOf = (readable: MemoryFile, count: number): DataRange[] =>
    Array.from({ length: count }, (_, i) => ({
      offset: 512 + i * 2048,
      length: 1024,
      file: readable,
      fileOffset: i * 1024,
    }));
  const pieceOf = (parts: DataRange[]) => ({ offset: 512, length: parts.length * 2048 - 1024, parts });

  test('fills what lies between its parts with zeros', async () => {
    const slow = new SlowFile();
    slow.writeAt(Buffer.alloc(4096, 5), 0, 4096, 0);
    const buffer = Buffer.alloc(PIECE_BYTES, 0xee);
    await readPiece(source(slow), pieceOf(partsOf(slow, 3)), buffer);
    const expected = Buffer.alloc(5120);
    for (const at of [0, 2048, 4096]) expected.fill(5, at, at + 1024);
    expect(buffer.subarray(0, 5120).equals(expected)).toBe(true);
    expect(buffer.subarray(5120).every((byte) => byte === 0xee)).toBe(true);
  });

  test('of many parts, or of a file that cannot be read in the background, asks the disk', async () => {
    const slow = new SlowFile('slow', 100_000);
    const buffer = Buffer.alloc(PIECE_BYTES);
    await readPiece(source(slow), pieceOf(partsOf(slow, 5)), buffer);
    expect(slow.reads).toBe(0);
    expect(buffer[1]).toBe(9);
    const plain = new MemoryFile('plain', 100_000);
    buffer.fill(0);
    await readPiece(source(plain), pieceOf(partsOf(plain, 2)), buffer);
    expect(buffer[1]).toBe(9);
  });

  test('that fails is over only when none of its reads is under way any more', async () => {
    const slow = new SlowFile();
    // The second read fails at once, while the first one takes its time.
    slow.writeAt(Buffer.alloc(1024, 5), 0, 1024, 0);
    const buffer = Buffer.alloc(PIECE_BYTES, 0xee);
    const piece = pieceOf(partsOf(slow, 3));
    await expect(readPiece(source(slow), piece, buffer)).rejects.toMatchObject({ code: 'DISK_CUT_SHORT' });
    const after = Buffer.from(buffer);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(buffer.equals(after)).toBe(true);
  });
});
