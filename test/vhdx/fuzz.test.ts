/**
 * Damaged and hostile files: a slice of what scripts/fuzz-vhdx.ts does for as long as one likes. What must hold for any
 * file whatever is in fuzzing/examine.ts.
 */
import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { Fuzzer } from './fuzzing/engine.ts';
import { imageOf, MutantFile, Violation } from './fuzzing/mutant-file.ts';
import { fuzzInThread } from './fuzzing/watch.ts';

const SECONDS = 20;

describe('files that were broken in their structures', () => {
  it('are refused by name, or can be read, checked, repaired and changed', async () => {
    const summary = await fuzzInThread({ seed: 20260127, runs: 20_000, seconds: SECONDS });
    expect(summary.violation).toBeUndefined();
    // Every way out was taken, and many different checks.
    const outcomes = new Map(summary.outcomes);
    expect(outcomes.get('reads')).toBeGreaterThan(20);
    expect(outcomes.size).toBeGreaterThan(15);
  });

  it('were sound before', () => {
    const outcomes = new Fuzzer(1).soundOutcomes();
    expect(outcomes.length).toBeGreaterThanOrEqual(10);
    expect(outcomes.filter(([, outcome]) => outcome !== 'reads')).toEqual([]);
  });

  it('are broken in the same way when the same run comes again', () => {
    const [one, other] = [new Fuzzer(5), new Fuzzer(5)];
    const outcomesOf = (fuzzer: Fuzzer) => Array.from({ length: 20 }, (_, run) => fuzzer.run(run).outcome);
    expect(outcomesOf(one)).toEqual(outcomesOf(other));
  });
});

describe('a file that watches how it is used', () => {
  const file = (): MutantFile => {
    const sound = new MemoryFile('sound', 10_000);
    sound.writeAt(Buffer.from('some bytes'), 0, 10, 4092);
    return new MutantFile(imageOf(sound));
  };

  it('is a file like any other, and leaves what it was made of alone', () => {
    const [one, other] = [file(), file()];
    one.writeAt(Buffer.alloc(9000, 7), 0, 9000, 3000);
    expect(one.sizeBytes()).toBe(12_000);
    const bytes = Buffer.alloc(12_000);
    one.readAt(bytes, 0, 12_000, 0);
    expect(bytes.equals(Buffer.concat([Buffer.alloc(3000), Buffer.alloc(9000, 7)]))).toBe(true);
    one.truncate(3001);
    one.truncate(12_000);
    one.readAt(bytes, 0, 12_000, 0);
    expect(bytes.equals(Buffer.alloc(12_000).fill(7, 3000, 3001))).toBe(true);
    other.readAt(bytes, 0, 10_000, 0);
    expect(bytes.toString('latin1', 4092, 4102)).toBe('some bytes');
  });

  it('allows no read past its end once it is open', () => {
    const mutant = file();
    const read = () => mutant.readAt(Buffer.alloc(1), 0, 1, 10_000);
    expect(read).toThrow(expect.objectContaining({ code: 'DISK_CUT_SHORT' }) as Error);
    mutant.isOpen = true;
    expect(read).toThrow(Violation);
  });

  it.each([
    [-1, 1],
    [Number.NaN, 1],
    [0.5, 1],
    [2 ** 60, 1],
    [0, -1],
    [0, 11],
  ])('allows no senseless read, like one at %d of %d bytes into 10', (offset, length) => {
    expect(() => file().readAt(Buffer.alloc(10), 0, length, offset)).toThrow(Violation);
  });

  it('is not read for ever', () => {
    const mutant = file();
    let reads = 0;
    expect(() => {
      for (;;) {
        mutant.readAt(Buffer.alloc(1), 0, 1, 0);
        reads++;
      }
    }).toThrow(/no end/);
    expect(reads).toBeGreaterThan(1000);
  });
});

it('a run that hangs is noticed and named', async () => {
  // So soon no thread has even started.
  const summary = await fuzzInThread({ seed: 1, first: 17, runs: 1_000_000, hangSeconds: 0.001 });
  expect(summary.violation).toMatch(/no answer .* seed 1, .* 17/);
});
