/** Damaged and hostile files, at random but aimed at the structures: a named error or a readable disk, and soon. */
import fc from 'fast-check';
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { ChainIndex } from '../../src/vhdx/chain-index.ts';
import { withChecksum } from '../../src/vhdx/header.ts';
import { readLayer } from '../../src/vhdx/layer.ts';
import { Gather } from '../../src/vhdx/runs.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { MIB, pattern, scratchFolder } from './scratch.ts';

const [HEADER_1, HEADER_2, REGIONS_1, REGIONS_2] = [65536, 131072, 196608, 262144];
const [METADATA, BAT] = [2 * MIB, 3 * MIB];

interface Mutation {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Bytes of the structures, not of the payload, and values that formats are broken with. */
const place = fc.oneof(
  ...[HEADER_1, HEADER_2].map((start) => fc.nat(79).map((at) => start + at)),
  ...[REGIONS_1, REGIONS_2].map((start) => fc.nat(79).map((at) => start + at)),
  fc.nat(32 * 7).map((at) => METADATA + at),
  fc.nat(500).map((at) => METADATA + 65536 + at),
  fc.nat(20).map((entry) => BAT + entry * 8),
  fc.constant(BAT + 4096 * 8),
);
const value = fc.oneof(
  fc.constantFrom(
    '00',
    'ff',
    '01',
    '0000',
    'ffff',
    '00000000',
    'ffffffff',
    '00000080',
    'ffffff7f',
    '0000100000000000',
  ),
  fc.constantFrom(
    'ffffffffffffffff',
    '0600f0ffffffffff',
    '0700400000000000',
    '0600500000000000',
    '0200000000000000',
  ),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
);
const mutation: fc.Arbitrary<Mutation> = fc
  .tuple(place, value)
  .map(([at, hex]) => ({ at, bytes: Buffer.from(hex, 'hex') }));
const attack = fc.record({
  mutations: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  fixChecksums: fc.boolean(),
  cutBytes: fc.option(fc.nat(9 * MIB), { freq: 8, nil: undefined }),
});

/** The first megabytes of a real difference, only the bytes that are not zero. */
function seedFile(): Buffer {
  const folder = scratchFolder();
  const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
  const disk = createDisk(base, { sizeBytes: 16 * MIB });
  disk.write(pattern(MIB, 1), 0);
  disk.seal(child);
  disk.write(pattern(4096, 1), 3 * MIB);
  disk.write(pattern(MIB, 1), 5 * MIB);
  disk.zero(0, MIB);
  disk.seal();
  disk.close();
  return fs.readFileSync(child);
}

function damaged(
  seed: Buffer,
  { mutations, fixChecksums, cutBytes }: typeof attack extends fc.Arbitrary<infer A> ? A : never,
): MemoryFile {
  const file = new MemoryFile('damaged.vhdx');
  const put = (at: number, length: number) => file.writeAt(seed, at, length, at);
  for (const at of [0, HEADER_1, HEADER_2, REGIONS_1, REGIONS_2, METADATA, METADATA + 65536]) put(at, 4096);
  put(BAT, 65536);
  put(4 * MIB, seed.length - 4 * MIB);
  for (const { at, bytes } of mutations) file.writeAt(bytes, 0, bytes.length, at);
  if (fixChecksums) {
    for (const [at, length] of [
      [HEADER_1, 4096],
      [HEADER_2, 4096],
      [REGIONS_1, 65536],
      [REGIONS_2, 65536],
    ]) {
      const record = new Uint8Array(length);
      file.readAt(record, 0, length, at);
      file.writeAt(withChecksum(record), 0, length, at);
    }
  }
  if (cutBytes !== undefined) file.truncate(cutBytes);
  return file;
}

/** Opens a file and reads a little from everywhere. */
function tryOut(file: MemoryFile): void {
  const layer = readLayer(file);
  const index = new ChainIndex([layer], layer.geometry.logicalSectorBytes);
  const gather = new Gather();
  const { sizeBytes } = layer.geometry;
  const piece = new Uint8Array(4096);
  for (let i = 0; i < 64; i++) {
    const at = Math.floor((Math.max(0, sizeBytes - piece.length) / 63) * i);
    gather.read(index, piece.subarray(0, Math.min(piece.length, sizeBytes)), at);
  }
}

it('damaged files give named errors, never another one', () => {
  const seed = seedFile();
  let read = 0;
  const refused = new Map<string, number>();
  fc.assert(
    fc.property(attack, (how) => {
      try {
        tryOut(damaged(seed, how));
        read++;
      } catch (error) {
        if (!isHyperfileError(error)) throw error;
        refused.set(error.code, (refused.get(error.code) ?? 0) + 1);
      }
    }),
    { numRuns: 4000, interruptAfterTimeLimit: 5000, seed: 20260105 },
  );
  // Both ways out were taken, and many different checks.
  expect(read).toBeGreaterThan(10);
  expect(refused.size).toBeGreaterThan(6);
});
