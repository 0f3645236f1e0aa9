import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockTable } from '../../src/vhdx/block-table.ts';
import { MIB } from './scratch.ts';
import { arrayBytesOf } from '../support/memory.ts';

const [ABSENT, ZERO, FULL] = [0, 2, 6];

/** What happens to a table: blocks set one by one, or many at once. */
const change = fc.record({
  block: fc.nat(5000),
  count: fc.oneof(fc.constant(1), fc.nat(3000)),
  state: fc.constantFrom(ABSENT, ZERO, FULL, 7),
  fileMb: fc.oneof(fc.nat(2 ** 27 - 1 - 3000 * 4), fc.nat(5000)),
  stepMb: fc.constantFrom(0, 1, 4),
  isFill: fc.boolean(),
});

describe('a block table', () => {
  it('says what was set, whatever the order, and finds runs as a plain walk does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.array(change, { maxLength: 12 }),
        (blockCount, changes) => {
          const table = new BlockTable(blockCount);
          const model = Array.from({ length: blockCount }, () => ({ state: ABSENT, fileMb: 0 }));
          for (const { block, count, state, fileMb, stepMb, isFill } of changes) {
            const end = Math.min(block + count, blockCount);
            for (let i = block; i < end; i++) {
              model[i] =
                state < FULL ? { state, fileMb: 0 } : { state, fileMb: fileMb + (i - block) * stepMb };
            }
            const [place, step] = state < FULL ? [0, 0] : [fileMb, stepMb];
            if (isFill && block < end) table.fill(block, end - block, state, place, step);
            else for (let i = block; i < end; i++) table.set(i, state, place + (i - block) * step);
          }
          model.forEach(({ state, fileMb }, block) => {
            if (table.state(block) !== state || table.fileMb(block) !== fileMb)
              expect({ block }).toBe('as set');
          });
          const held = model.flatMap(({ state }, block) => (state === ABSENT ? [] : [block]));
          expect([...table.blocks()]).toEqual(held);
          for (const block of held) if (!table.mayHold(block, block)) expect({ block }).toBe('held');
          for (const stepMb of [1, 4]) {
            for (let block = 0; block < blockCount;) {
              const end = table.runEnd(block, blockCount, stepMb);
              expect(end).toBe(plainRunEnd(model, block, stepMb));
              block = end;
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('knows that untouched stretches hold nothing', () => {
    const table = new BlockTable(64 * MIB);
    table.set(5 * MIB, ZERO, 0);
    expect(table.mayHold(0, 5 * MIB - 1024)).toBe(false);
    expect(table.mayHold(5 * MIB, 5 * MIB)).toBe(true);
    expect(table.mayHold(5 * MIB + 1024, 64 * MIB - 1)).toBe(false);
    expect(table.runEnd(0, 64 * MIB, 1)).toBe(5 * MIB);
    expect(table.runEnd(5 * MIB + 1, 64 * MIB, 1)).toBe(64 * MIB);
  });
});

function plainRunEnd(
  model: readonly { readonly state: number; readonly fileMb: number }[],
  block: number,
  blockMb: number,
): number {
  const { state, fileMb } = model[block];
  let end = block + 1;
  while (end < model.length && model[end].state === state) {
    if (model[end].fileMb !== (fileMb === 0 ? 0 : fileMb + (end - block) * blockMb)) break;
    end++;
  }
  return end;
}

/** Bytes of typed arrays that `make` leaves behind. */
function arrayBytes(make: () => unknown): number {
  const { bytes, kept } = arrayBytesOf(make);
  expect(kept).toBeDefined();
  return bytes;
}

describe('the memory of a block table', () => {
  const blockCount = 8 * MIB;

  it('is next to nothing for blocks in one state, or one behind the other, however they were set', () => {
    const bytes = arrayBytes(() => {
      const filled = new BlockTable(64 * MIB);
      filled.fill(0, 64 * MIB, FULL, 600, 1);
      const set = new BlockTable(blockCount);
      for (let block = 0; block < blockCount; block++) set.set(block, FULL, 600 + block);
      const zeros = new BlockTable(blockCount);
      for (let block = 0; block < blockCount; block++) zeros.set(block, ZERO, 0);
      return [filled, set, zeros];
    });
    // 8 bytes a page in typed arrays; freed arrays may not have been collected yet, so there is room for many of them.
    expect(bytes).toBeLessThan(((80 * MIB) / 1024) * 8 + 64 * MIB);
  });

  it('is four bytes a block at most', () => {
    const bytes = arrayBytes(() => {
      const table = new BlockTable(blockCount);
      for (let block = 0; block < blockCount; block++) table.set(block, FULL, (block * 7919) % blockCount);
      return table;
    });
    expect(bytes).toBeGreaterThan(blockCount * 3.5);
    expect(bytes).toBeLessThan(blockCount * 4.2);
  });

  it('is nothing for an empty difference on the largest disk', () => {
    const bytes = arrayBytes(() => Array.from({ length: 200 }, () => new BlockTable(64 * MIB)));
    expect(bytes).toBe(0);
  });
});
