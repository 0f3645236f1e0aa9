/** What changes leave in the end, and reading a file through them: against doing them one after the other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import type { LogChange } from '../../../src/vhdx/log/entry.ts';
import { OverlayFile } from '../../../src/vhdx/log/overlay-file.ts';
import { settle } from '../../../src/vhdx/log/settle.ts';
import { pattern } from '../scratch.ts';
import { page, SECTOR, zeros } from './logs.ts';

const PAGES = 24;
const change: fc.Arbitrary<LogChange> = fc.oneof(
  fc.tuple(fc.nat(PAGES - 1), fc.nat(200)).map(([at, seed]) => page(at * SECTOR, seed)),
  fc.tuple(fc.nat(PAGES - 1), fc.nat(8)).map(([at, count]) => zeros(at * SECTOR, count * SECTOR)),
);

/** Does the changes in order, as a file would see it. */
function inOrder(before: Buffer, changes: readonly LogChange[]): Buffer {
  const after = Buffer.alloc((PAGES + 8) * SECTOR);
  before.copy(after);
  for (const change of changes) {
    if (change.kind === 'page') after.set(change.bytes, change.fileOffset);
    else after.fill(0, change.fileOffset, change.fileOffset + change.length);
  }
  return after;
}

describe('changes that settled', () => {
  it('read as if they were done one after the other, wherever the file ends', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 30 }),
        fc.nat(PAGES * SECTOR),
        fc.array(fc.tuple(fc.nat(PAGES * SECTOR), fc.nat(6 * SECTOR)), { maxLength: 10 }),
        (changes, belowBytes, reads) => {
          const content = pattern(belowBytes, 77);
          const below = new MemoryFile('below.vhdx');
          below.writeAt(content, 0, belowBytes, 0);
          const settled = settle(changes);
          const sizeBytes = Math.max(belowBytes, settled.endBytes);
          const file = new OverlayFile(below, settled, sizeBytes);
          const expected = inOrder(content, changes).subarray(0, sizeBytes);
          for (const [from, count] of [...reads, [0, sizeBytes]]) {
            const length = Math.max(0, Math.min(count, sizeBytes - from));
            const target = Buffer.alloc(length + 20, 0xee);
            if (length > 0) file.readAt(target, 10, length, from);
            expect(target.subarray(10, 10 + length).equals(expected.subarray(from, from + length))).toBe(
              true,
            );
            expect([target[9], target[10 + length]]).toEqual([0xee, 0xee]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('name every page once, and zeros that do not touch', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const { pages, zeros } = settle(changes);
        for (let i = 1; i < pages.length; i++) {
          expect(pages[i].fileOffset).toBeGreaterThan(pages[i - 1].fileOffset);
        }
        for (let i = 0; i < zeros.starts.length; i++) {
          expect(zeros.ends[i]).toBeGreaterThan(zeros.starts[i]);
          if (i > 0) expect(zeros.starts[i]).toBeGreaterThan(zeros.ends[i - 1]);
        }
      }),
    );
  });

  it('keep ranges of any length, not what is in them', () => {
    const huge = 60 * 2 ** 40;
    const settled = settle([page(SECTOR), zeros(0, huge), page(huge / 2), zeros(huge / 4, SECTOR)]);
    expect(settled).toMatchObject({ endBytes: huge, pages: [{ fileOffset: huge / 2 }] });
    expect([...settled.zeros.starts, ...settled.zeros.ends]).toEqual([0, huge]);
  });

  it('are settled soon, however many lie on each other', () => {
    const count = 100_000;
    const changes = function* (): Generator<LogChange> {
      const content = page(0);
      for (let i = 0; i < count; i++) {
        yield { ...content, fileOffset: (i + 1) * 2 * SECTOR };
        // Over every page so far, and over nothing at all.
        yield zeros(i % 2 === 0 ? 0 : 2 ** 40 + i * 2 * SECTOR, i % 2 === 0 ? i * 2 * SECTOR : SECTOR);
      }
    };
    const settled = settle(changes());
    expect(settled.pages.map(({ fileOffset }) => fileOffset / SECTOR / 2)).toEqual([
      count - 2,
      count - 1,
      count,
    ]);
    expect(settled.zeros.starts.length).toBe(count / 2 + 1);
  });
});

describe('a file under changes', () => {
  const overlay = () =>
    new OverlayFile(new MemoryFile('below.vhdx', SECTOR), settle([page(SECTOR)]), 3 * SECTOR);

  it('ends where it is told', () => {
    expect(overlay().sizeBytes()).toBe(3 * SECTOR);
    expect(() => overlay().readAt(new Uint8Array(2), 0, 2, 3 * SECTOR - 1)).toThrow(
      expect.objectContaining({ code: 'DISK_CUT_SHORT', data: { path: 'below.vhdx', end: 3 * SECTOR + 1 } }),
    );
  });

  it('cannot be written to', () => {
    expect(() => overlay().writeAt()).toThrow(TypeError);
    expect(() => overlay().truncate()).toThrow(TypeError);
  });
});
