/** Logs that are damaged, hostile or nonsense: a named error or a disk that reads, soon, and nothing touched that is not ours. */
import fc from 'fast-check';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isHyperfileError } from '../../../src/base/error.ts';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import { FIRST_LOGGED_OFFSET } from '../../../src/vhdx/format.ts';
import { readCurrentHeader, withChecksum } from '../../../src/vhdx/header.ts';
import { readLayer } from '../../../src/vhdx/layer.ts';
import { encodeLogEntry } from '../../../src/vhdx/log/entry.ts';
import { applyLog, overlayLog } from '../../../src/vhdx/log/replay.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';
import { MIB, pattern, scratchFolder } from '../scratch.ts';
import { changeHeaders, entryOf, FOREIGN_GUID, LOG_GUID, page, SECTOR, zeros } from './logs.ts';

const RING = MIB;
const LOG = { start: MIB, end: 2 * MIB };
const [METADATA, BAT] = [2 * MIB, 3 * MIB];

/** Keeps an eye on who reads and writes where. */
class WatchedFile extends MemoryFile {
  readonly offences: string[] = [];
  replaying = false;

  override readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    if (fileOffset < 0 || fileOffset + length > this.sizeBytes() || at + length > target.length) {
      this.offences.push(`reads ${length} bytes at ${fileOffset} of ${this.sizeBytes()}`);
    }
    super.readAt(target, at, length, fileOffset);
  }

  override writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    if (this.replaying) {
      const isInLog = fileOffset < LOG.end && fileOffset + length > LOG.start;
      if (fileOffset < FIRST_LOGGED_OFFSET || isInLog) this.offences.push(`writes at ${fileOffset}`);
    }
    super.writeAt(source, at, length, fileOffset);
  }
}

/** The tables of a real disk, and its first block. */
function seedFile(): Buffer {
  const file = path.join(scratchFolder(), 'seed.vhdx');
  const disk = createDisk(file, { sizeBytes: 16 * MIB });
  disk.write(pattern(MIB, 1), 0);
  disk.seal();
  disk.close();
  return fs.readFileSync(file);
}

/** Places that a log changes, some of which it may not. */
const place = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 48, max: 255 }).map((sector) => sector * SECTOR) },
  {
    weight: 8,
    arbitrary: fc.constantFrom(METADATA, METADATA + 65536, BAT, BAT + SECTOR, 4 * MIB, 4 * MIB + SECTOR),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      0,
      65536,
      MIB - SECTOR,
      MIB,
      2 * MIB - SECTOR,
      2 ** 40,
      2 ** 46,
      2 ** 47,
      2 ** 52,
      2 ** 62,
    ),
  },
);
const change = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([at, seed]) => page(at, seed)),
  fc
    .tuple(place, fc.constantFrom(0, SECTOR, 16 * SECTOR, MIB, 2 ** 30, 2 ** 45, 2 ** 47, 2 ** 62))
    .map(([at, length]) => zeros(at, length)),
);
const fileBytes = fc.oneof(
  { weight: 6, arbitrary: fc.constant(4 * MIB) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 6 * MIB, 2 ** 46, 2 ** 47, 2 ** 48, 2 ** 63) },
);
const step = fc.record({
  at: fc.option(fc.nat(255), { freq: 8, nil: undefined }),
  changes: fc.array(change, { maxLength: 6 }),
  tail: fc.constantFrom('first', 'first', 'first', 'self', 'nowhere'),
  isForeign: fc.nat(12).map((dice) => dice === 0),
  flushedFileBytes: fileBytes,
  lastFileBytes: fileBytes,
});
/** Bytes of the log that are changed afterwards; most of them in headers and descriptors. */
const mutation = fc.record({
  at: fc.oneof(
    fc.tuple(fc.nat(20), fc.nat(127)).map(([sector, byte]) => sector * SECTOR + byte),
    fc.nat(RING - 9),
  ),
  bytes: fc.oneof(
    fc.constantFrom(
      'ff',
      '00',
      'ffffffff',
      '00000080',
      '00100000',
      '00200000',
      'ffffffffffffff7f',
      '6c6f6765',
      '7a65726f',
    ),
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  ),
});
const attack = fc.record({
  steps: fc.array(step, { maxLength: 8 }),
  mutations: fc.array(mutation, { maxLength: 3 }),
  fixChecksums: fc.boolean(),
  noise: fc.option(fc.uint8Array({ minLength: 512, maxLength: 4096 }), { freq: 8, nil: undefined }),
});
type Attack = typeof attack extends fc.Arbitrary<infer A> ? A : never;

function ringOf({ steps, mutations, fixChecksums, noise }: Attack): Uint8Array {
  const ring = new Uint8Array(RING);
  if (noise) for (let at = 0; at < RING; at += noise.length) ring.set(noise.subarray(0, RING - at), at);
  const starts: number[] = [];
  let at = 0;
  steps.forEach(({ at: elsewhere, changes, tail, isForeign, ...sizes }, i) => {
    at = elsewhere === undefined ? at : elsewhere * SECTOR;
    const bytes = encodeLogEntry(
      entryOf(changes, {
        ...sizes,
        sequenceNumber: BigInt(i + 1),
        tailOffset: { first: starts[0] ?? at, self: at, nowhere: RING - 512 }[tail],
        logGuid: isForeign ? FOREIGN_GUID : LOG_GUID,
      }),
    );
    starts.push(at);
    const untilEnd = Math.min(bytes.length, RING - at);
    ring.set(bytes.subarray(0, untilEnd), at);
    ring.set(bytes.subarray(untilEnd), 0);
    at = (at + bytes.length) % RING;
  });
  for (const { at, bytes } of mutations) ring.set(Buffer.from(bytes, 'hex'), at);
  if (fixChecksums) for (const start of starts) fixChecksum(ring, start);
  return ring;
}

function fixChecksum(ring: Uint8Array, start: number): void {
  const length = Buffer.from(ring.buffer).readUInt32LE(start + 8);
  if (length >= SECTOR && start + length <= RING) withChecksum(ring.subarray(start, start + length));
}

function fileOf(seed: Buffer, ring: Uint8Array): WatchedFile {
  const file = new WatchedFile('hostile.vhdx');
  for (const [from, to] of [
    [0, 384 * 1024],
    [METADATA, METADATA + 128 * 1024],
    [BAT, BAT + 65536],
    [4 * MIB, seed.length],
  ]) {
    file.writeAt(seed, from, to - from, from);
  }
  file.writeAt(ring, 0, RING, LOG.start);
  changeHeaders(file, { logGuid: LOG_GUID });
  return file;
}

/** Bytes from all over a file, wherever it ends. */
function sample(file: Pick<MemoryFile, 'readAt' | 'sizeBytes'>): Buffer {
  const size = file.sizeBytes();
  const places = [
    FIRST_LOGGED_OFFSET,
    METADATA,
    METADATA + 65536,
    BAT,
    4 * MIB,
    2 ** 40,
    2 ** 46,
    size - 3 * SECTOR,
  ];
  const fitting = places.filter((at) => at >= 0 && at + 3 * SECTOR <= size);
  const bytes = Buffer.alloc(fitting.length * 3 * SECTOR);
  fitting.forEach((at, i) => file.readAt(bytes, i * 3 * SECTOR, 3 * SECTOR, at));
  return bytes;
}

/** Runs something that may refuse, and says with which code it did. */
function outcome(body: () => void): string {
  try {
    body();
    return 'done';
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    return error.code;
  }
}

describe('a hostile log', () => {
  it('gives a named error or a disk that reads, and is replayed in the file to what it shows in memory', () => {
    const seed = seedFile();
    const outcomes = new Map<string, number>();
    const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
    fc.assert(
      fc.property(attack, (how) => {
        const file = fileOf(seed, ringOf(how));
        const before = sample(file);
        count(`opened: ${outcome(() => void readLayer(file))}`);
        let overlay: Buffer | undefined;
        const inMemory = outcome(() => {
          const view = overlayLog(file, readCurrentHeader(file));
          if (view) overlay = sample(view.file);
        });
        expect(sample(file).equals(before)).toBe(true);
        file.replaying = true;
        const inFile = outcome(() => void applyLog(file, readCurrentHeader(file)));
        count(`replayed: ${inFile}`);
        expect(inFile === 'done').toBe(overlay !== undefined);
        if (overlay) {
          expect(inMemory).toBe('done');
          expect(sample(file).equals(overlay)).toBe(true);
        }
        expect(file.offences).toEqual([]);
      }),
      { numRuns: 400, seed: 20261127 },
    );
    for (const code of ['VHDX_LOG_NO_SEQUENCE', 'VHDX_LOG_CUT_SHORT', 'VHDX_FILE_TOO_LARGE', 'done']) {
      expect(outcomes.get(`replayed: ${code}`), code).toBeGreaterThan(5);
    }
    expect(outcomes.get('opened: done')).toBeGreaterThan(20);
  });
});
