/** Opening and checking follow the same rules: whatever is done to a file, they agree on whether it can be read, and why. */
import fc from 'fast-check';
import fs from 'node:fs';
import { expect, it } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { withChecksum } from '../../src/vhdx/header.ts';
import { readLayer } from '../../src/vhdx/layer.ts';
import { checkOpenFile } from '../../src/vhdx/operations/check.ts';
import {
  BAT,
  baseFile,
  childFile,
  DAMAGES,
  FLAWS,
  HEADERS,
  ITEMS,
  LOCATOR,
  METADATA,
  REGION_TABLES,
  type Change,
} from './damage.ts';
import { MIB } from './scratch.ts';

const AREAS: readonly (readonly [start: number, length: number])[] = [
  ...HEADERS.map((at) => [at, 80] as const),
  ...REGION_TABLES.map((at) => [at, 112] as const),
  [METADATA, 32 + 7 * 32],
  [ITEMS, 40],
  [LOCATOR, 300],
  [BAT, 80],
  [BAT + 4096 * 8, 8],
  [MIB, 64],
];

const place = fc
  .constantFrom(...AREAS)
  .chain(([start, length]) => fc.nat(length - 1).map((at) => start + at));
const bytes = fc.oneof(
  fc.constantFrom('00', 'ff', '01', '0000', 'ffffffff', '00000080', '0000000000000000', 'ffffffffffffffff'),
  fc.constantFrom('0600f0ffffffffff', '0700400000000000', '0300500000000000', '0600500000000000'),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((some) => Buffer.from(some).toString('hex')),
);
const poke: fc.Arbitrary<Change> = fc.tuple(place, bytes).map(
  ([at, hex]) =>
    (b) =>
      void Buffer.from(hex, 'hex').copy(b, at),
);
const known: fc.Arbitrary<Change> = fc.constantFrom(...[...DAMAGES, ...FLAWS].map(({ change }) => change));
const attack = fc.record({
  isChild: fc.boolean(),
  changes: fc.array(fc.oneof({ weight: 3, arbitrary: poke }, { weight: 1, arbitrary: known }), {
    minLength: 1,
    maxLength: 4,
  }),
  checksums: fc.boolean(),
});

/** The code that opening refuses a file with. */
function refusal(file: MemoryFile): string | undefined {
  try {
    readLayer(file);
    return undefined;
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    return error.code;
  }
}

it('a check finds an error in every file that cannot be opened, the same one first, and in no other', () => {
  const [base, child] = [fs.readFileSync(baseFile()), fs.readFileSync(childFile())];
  const outcomes = new Set<string | undefined>();
  fc.assert(
    fc.property(attack, ({ isChild, changes, checksums }) => {
      let damaged: Buffer = Buffer.from(isChild ? child : base);
      for (const change of changes) damaged = change(damaged) ?? damaged;
      if (checksums) {
        for (const at of HEADERS) withChecksum(damaged.subarray(at, at + 4096));
        for (const at of REGION_TABLES) withChecksum(damaged.subarray(at, at + 65536));
      }
      const file = new MemoryFile('damaged.vhdx');
      file.writeAt(damaged, 0, damaged.length, 0);
      const expected = refusal(file);
      const { findings } = checkOpenFile(file);
      const firstError = findings.listed.find(({ severity }) => severity === 'error')?.code;
      expect(firstError).toBe(expected);
      expect(findings.counts.error > 0).toBe(expected !== undefined);
      outcomes.add(expected);
    }),
    { numRuns: 500, seed: 20260107, interruptAfterTimeLimit: 15_000 },
  );
  expect(outcomes.size).toBeGreaterThan(15);
  expect(outcomes).toContain(undefined);
});
