/** Which entries of a log count: against the pseudo code of the specification, step by step as it is printed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import {
  decodeLogEntry,
  encodeLogEntry,
  type LogChange,
  type LogEntry,
  type LogRules,
} from '../../../src/vhdx/log/entry.ts';
import { changesOfSequence, findActiveSequence } from '../../../src/vhdx/log/sequence.ts';
import { MIB } from '../scratch.ts';
import { entryOf, FOREIGN_GUID, page, putEntry, rulesOf, SECTOR, zeros } from './logs.ts';

function fileOf(ring: Uint8Array): MemoryFile {
  const file = new MemoryFile('ring.vhdx', 4 * MIB);
  file.writeAt(ring, 0, ring.length, MIB);
  return file;
}

/** What we would replay, oldest first. */
function replayed(ring: Uint8Array, rules: LogRules): { head: bigint; changes: LogChange[] } | undefined {
  const file = fileOf(ring);
  const active = findActiveSequence(file, rules);
  if (active === undefined) return undefined;
  return { head: active.head.sequenceNumber, changes: [...changesOfSequence(file, rules, active)] };
}

/** The same as MS-VHDX section 2.3.3 says, word by word: slow, and without a thought of its own. */
function bySpecification(ring: Uint8Array, rules: LogRules): ReturnType<typeof replayed> {
  const entryAt = (offset: number): { entry: LogEntry; length: number } | undefined => {
    const around = Buffer.concat([ring.subarray(offset), ring.subarray(0, offset)]);
    const length = around.readUInt32LE(8);
    const entry = decodeLogEntry(around.subarray(0, length), rules);
    return entry && { entry, length };
  };
  type Sequence = { at: number; entry: LogEntry }[];
  let candidate: Sequence = [];
  for (let tail = 0, old = 0; ;) {
    const current: Sequence = [];
    let head = tail;
    let used = 0;
    for (;;) {
      const next = entryAt(head);
      const last = current.at(-1)?.entry.sequenceNumber;
      if (!next || (last !== undefined && next.entry.sequenceNumber !== last + 1n)) break;
      if (used + next.length > ring.length) break;
      current.push({ at: head, entry: next.entry });
      used += next.length;
      head = (head + next.length) % ring.length;
    }
    const newest = current.at(-1)?.entry;
    const isValid = newest !== undefined && current.some(({ at }) => at === newest.tailOffset);
    const best = candidate.at(-1)?.entry.sequenceNumber ?? -1n;
    if (isValid && newest.sequenceNumber > best) candidate = current;
    tail = isValid ? head : (tail + SECTOR) % ring.length;
    // As printed this is "<": a sequence that fills the whole ring would be found again for ever.
    if (tail <= old) break;
    old = tail;
  }
  const newest = candidate.at(-1)?.entry;
  if (newest === undefined) return undefined;
  const from = candidate.findIndex(({ at }) => at === newest.tailOffset);
  return {
    head: newest.sequenceNumber,
    changes: candidate.slice(from).flatMap(({ entry }) => entry.changes),
  };
}

/** Rings whose entries mostly follow each other, with faults in all that makes a sequence. */
const step = fc.record({
  gap: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) },
  ),
  changes: fc.constantFrom('none', 'zeros', 'page', 'pages'),
  number: fc.oneof(
    { weight: 8, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constantFrom(0, 2, -3, 10) },
  ),
  tail: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('self', 'first', 'last') },
    { weight: 1, arbitrary: fc.constantFrom('inside', 'elsewhere') },
  ),
  fault: fc.oneof(
    { weight: 8, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constantFrom('foreign', 'torn', 'header only') },
  ),
});
const ringPlan = fc.record({
  sectors: fc.integer({ min: 4, max: 24 }),
  start: fc.nat(23),
  steps: fc.array(step, { minLength: 1, maxLength: 16 }),
});
type Plan = typeof ringPlan extends fc.Arbitrary<infer P> ? P : never;

function build({ sectors, start, steps }: Plan): Uint8Array {
  const ring = new Uint8Array(sectors * SECTOR);
  let at = (start % sectors) * SECTOR;
  let sequenceNumber = 100n;
  let [first, last] = [at, at];
  steps.forEach(({ gap, changes, number, tail, fault }, i) => {
    at = (at + gap * SECTOR) % ring.length;
    if (gap > 0) first = at;
    sequenceNumber += BigInt(number);
    const offset = 2 * MIB + (i % 3) * SECTOR;
    const made = {
      none: [],
      zeros: [zeros(offset, 2 * SECTOR)],
      page: [page(offset, i)],
      pages: [page(offset, i), page(offset + SECTOR, i + 50)],
    }[changes];
    const tailOffset = {
      self: at,
      first,
      last,
      inside: (last + SECTOR) % ring.length,
      elsewhere: 3 * SECTOR,
    }[tail];
    const entry = entryOf(made, {
      sequenceNumber,
      tailOffset,
      ...(fault === 'foreign' && { logGuid: FOREIGN_GUID }),
    });
    const bytes = encodeLogEntry(entry);
    if (bytes.length >= ring.length) return;
    const end = putEntry(ring, at, entry);
    if (fault === 'torn') ring[(end + ring.length - 1) % ring.length] ^= 1;
    if (fault === 'header only') ring.fill(7, at + SECTOR, end);
    [last, at] = [at, end];
  });
  return ring;
}

describe('the active sequence', () => {
  it('is the one that the pseudo code finds, in rings of all kinds', () => {
    let [found, none] = [0, 0];
    fc.assert(
      fc.property(ringPlan, (plan) => {
        const ring = build(plan);
        const rules = rulesOf(plan.sectors);
        const expected = bySpecification(ring, rules);
        expect(replayed(ring, rules)).toEqual(expected);
        if (expected) found++;
        else none++;
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(100);
    expect(none).toBeGreaterThan(10);
  });

  const rules = rulesOf(16);

  it('is not there in an empty ring', () => {
    expect(replayed(new Uint8Array(16 * SECTOR), rules)).toBeUndefined();
  });

  it('may fill the whole ring', () => {
    const ring = new Uint8Array(16 * SECTOR);
    for (let i = 0; i < 16; i++) {
      const tailOffset = 5 * SECTOR;
      putEntry(ring, ((i + 5) % 16) * SECTOR, entryOf([], { sequenceNumber: 9n + BigInt(i), tailOffset }));
    }
    expect(findActiveSequence(fileOf(ring), rules)).toMatchObject({
      entryCount: 16,
      head: { sequenceNumber: 24n },
    });
  });

  it('may fill the whole ring from its start', () => {
    const ring = new Uint8Array(16 * SECTOR);
    for (let i = 0; i < 16; i++) putEntry(ring, i * SECTOR, entryOf([], { sequenceNumber: 1n + BigInt(i) }));
    expect(findActiveSequence(fileOf(ring), rules)).toMatchObject({
      entryCount: 16,
      head: { sequenceNumber: 16n },
    });
  });

  it('is found where it goes around the end, and an entry too', () => {
    const ring = new Uint8Array(16 * SECTOR);
    const tailOffset = 13 * SECTOR;
    let at = tailOffset;
    const pages = [0, 1, 2, 3].map((i) => page(2 * MIB + i * SECTOR, i));
    at = putEntry(ring, at, entryOf([pages[0]], { sequenceNumber: 5n, tailOffset }));
    at = putEntry(ring, at, entryOf([pages[1], pages[2]], { sequenceNumber: 6n, tailOffset }));
    putEntry(ring, at, entryOf([pages[3]], { sequenceNumber: 7n, tailOffset }));
    expect(replayed(ring, rules)).toEqual({ head: 7n, changes: pages });
  });

  it('begins at the tail of its newest entry, not at the oldest that is there', () => {
    const ring = new Uint8Array(16 * SECTOR);
    let at = putEntry(ring, 0, entryOf([page(2 * MIB, 1)], { sequenceNumber: 1n }));
    const tailOffset = at;
    at = putEntry(ring, at, entryOf([page(2 * MIB, 2)], { sequenceNumber: 2n }));
    putEntry(ring, at, entryOf([page(2 * MIB, 3)], { sequenceNumber: 3n, tailOffset }));
    expect(replayed(ring, rules)?.changes).toEqual([page(2 * MIB, 2), page(2 * MIB, 3)]);
  });

  it('is none whose tail points into the middle of an entry', () => {
    const ring = new Uint8Array(16 * SECTOR);
    putEntry(ring, 0, entryOf([page(2 * MIB)], { tailOffset: SECTOR }));
    expect(replayed(ring, rules)).toBeUndefined();
  });

  it('may have a number near the end of all numbers', () => {
    const ring = new Uint8Array(16 * SECTOR);
    const sequenceNumber = 2n ** 64n - 1n;
    const at = putEntry(ring, 0, entryOf([], { sequenceNumber: sequenceNumber - 1n }));
    putEntry(ring, at, entryOf([page(2 * MIB)], { sequenceNumber }));
    expect(replayed(ring, rules)).toEqual({ head: sequenceNumber, changes: [page(2 * MIB)] });
  });

  it('is found in steps that grow with the ring only, whatever it is full of', () => {
    const sectors = 4096;
    const rules = rulesOf(sectors);
    const length = sectors * SECTOR;
    /** How many bytes of the file are read, times the length of the ring. */
    const cost = (ring: Uint8Array) => {
      const file = new CountingFile('ring.vhdx', 32 * MIB);
      file.writeAt(ring, 0, ring.length, MIB);
      findActiveSequence(file, rules);
      return file.readBytes / ring.length;
    };
    const long = encodeLogEntry(entryOf(Array.from({ length: 2000 }, (_, i) => page(64 * MIB + i * SECTOR))));
    const rings = {
      'headers of entries that do not follow': (ring: Uint8Array) => {
        for (let at = 0; at < length; at += SECTOR) ring.set(long.subarray(0, SECTOR), at);
      },
      'valid entries without a valid tail': (ring: Uint8Array) => {
        for (let i = 0; i < sectors; i++) {
          putEntry(
            ring,
            i * SECTOR,
            entryOf([], { sequenceNumber: BigInt(i + 1), tailOffset: length - 512 }),
          );
        }
      },
      'valid entries of one number': (ring: Uint8Array) => {
        for (let i = 0; i < sectors; i++) putEntry(ring, i * SECTOR, entryOf([], { tailOffset: i * SECTOR }));
      },
      'entries whose last sector is wrong': (ring: Uint8Array) => {
        ring.set(long);
        ring[long.length - 1] ^= 1;
        ring.set(ring.slice(0, long.length), long.length);
      },
      'headers before a body that would fit each': (ring: Uint8Array) => {
        const start = length - long.length;
        ring.set(long, start);
        ring[length - 1] ^= 1;
        for (let at = 0; at < start; at += SECTOR) ring.set(long.subarray(0, SECTOR), at);
      },
    };
    for (const [what, fill] of Object.entries(rings)) {
      const ring = new Uint8Array(length);
      fill(ring);
      expect(cost(ring), what).toBeLessThan(5);
    }
  });
});

class CountingFile extends MemoryFile {
  readBytes = 0;

  override readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    this.readBytes += length;
    super.readAt(target, at, length, fileOffset);
  }
}
