/** Power may go at any moment while a finished file is changed: what was flushed is there, and the file is sound. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemoryFile } from '../../../src/disk/memory-file.ts';
import { EditedDisk } from '../../../src/vhdx/edit/edited-disk.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import type { Layer } from '../../../src/vhdx/layer.ts';
import { MIB } from '../scratch.ts';
import { memoryVhdx, memoryChild } from './memory-vhdx.ts';
import { diceOf, Journal, RecordedFile, type Dice } from './recorded-file.ts';
import { SectorHistory } from './sector-history.ts';

// Many moments of many runs, on a machine that may have more to do.
const DISK_BYTES = 6 * MIB;
/** HYPERFILE_CRASH_RUNS asks for more than the tests have time for. */
const RUNS = Number(process.env.HYPERFILE_CRASH_RUNS ?? 40);
const MOMENTS = 50;

interface Shape {
  readonly hasParent: boolean;
  readonly blockBytes: number;
  readonly sectorBytes: number;
}

type Step =
  | { readonly do: 'write' | 'zero'; readonly first: number; readonly count: number }
  | { readonly do: 'flush' | 'reopen' };

const shape: fc.Arbitrary<Shape> = fc.record({
  hasParent: fc.boolean(),
  blockBytes: fc.constantFrom(MIB, MIB, 2 * MIB),
  sectorBytes: fc.constantFrom(512, 512, 4096),
});
/** In units of 4096 bytes. */
const change = fc
  .tuple(
    fc.constantFrom('write', 'write', 'zero'),
    fc.nat(DISK_BYTES / 4096 - 1),
    fc.constantFrom(1, 1, 3, 16, 256, 300, 512),
  )
  .map(([kind, first, count]): Step => ({
    do: kind,
    first,
    count: Math.min(count, DISK_BYTES / 4096 - first),
  }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: change },
  { weight: 2, arbitrary: fc.constant({ do: 'flush' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' } as const) },
);

/** A base of whole blocks, so that something shows through. */
function parentOf({ sectorBytes }: Shape, history: SectorHistory): Layer {
  return memoryVhdx({ sizeBytes: DISK_BYTES, sectorBytes }, (disk) => {
    for (const at of [0, 2 * MIB, 3 * MIB + 8192]) {
      disk.write(history.write(0, at / sectorBytes, MIB / sectorBytes), at);
    }
  });
}

/** Runs the steps on a recorded file. */
function play(
  shape: Shape,
  steps: readonly Step[],
): {
  journal: Journal;
  file: RecordedFile;
  history: SectorHistory;
  below: Layer[];
} {
  const history = new SectorHistory(DISK_BYTES, shape.sectorBytes);
  const below = shape.hasParent ? [parentOf(shape, history)] : [];
  const journal = new Journal(shape.sectorBytes);
  const file = new RecordedFile('leaf.vhdx', journal);
  memoryChild(file, { ...shape, sizeBytes: DISK_BYTES }, below);
  file.flush();
  history.flushed(journal.count);
  let disk = new EditedDisk(openEditor(file), below);
  for (const step of steps) {
    const startedAt = journal.count;
    if (step.do === 'write' || step.do === 'zero') {
      const [first, count] = [step.first, step.count].map((unit) => (unit * 4096) / shape.sectorBytes);
      if (step.do === 'write') disk.write(history.write(startedAt, first, count), step.first * 4096);
      else {
        history.zero(startedAt, first, count);
        disk.zero(step.first * 4096, step.count * 4096);
      }
      continue;
    }
    if (step.do === 'flush') disk.flush();
    else {
      disk.close();
      disk = new EditedDisk(openEditor(file), below);
    }
    history.flushed(journal.count);
  }
  disk.close();
  history.flushed(journal.count);
  return { journal, file, history, below };
}

/** Moments to lose power at: every one when there are few, else so many of them. */
function* moments(first: number, last: number, dice: Dice): Generator<number> {
  const stride = Math.max(1, (last - first) / MOMENTS);
  for (let at = first + dice() * stride; at <= last; at += stride) yield Math.floor(at);
  yield last;
}

function contentsOf(image: MemoryFile, below: readonly Layer[]): Uint8Array {
  const disk = new EditedDisk(openEditor(image), below);
  const bytes = new Uint8Array(DISK_BYTES);
  disk.read(bytes, 0);
  disk.close();
  return bytes;
}

/** What a flush has made safe keeps its place until the change that gave it up is safe as well. */
const REUSE_OF_PLACES = [true, false].map((hasParent): [Shape, Step[], number] => [
  { hasParent, blockBytes: MIB, sectorBytes: 512 },
  [
    { do: 'write', first: 0, count: 256 },
    { do: 'flush' },
    { do: 'zero', first: 0, count: 256 },
    { do: 'write', first: 1280, count: 256 },
    { do: 'write', first: 300, count: 1 },
  ],
  7,
]);

describe('a crash while a file is written in place', () => {
  it('leaves the old or the new of everything since the last flush, and the flushed as it was', () => {
    fc.assert(
      fc.property(shape, fc.array(step, { minLength: 2, maxLength: 12 }), fc.nat(), (shape, steps, seed) => {
        const { journal, file, history, below } = play(shape, steps);
        const dice = diceOf(seed);
        const first = journal.operations.findIndex(({ what }) => what.kind === 'flush') + 1;
        for (const count of moments(first, journal.count, dice)) {
          const image = journal.afterCrash(file, count, dice);
          history.check(contentsOf(image, below), count);
          // Once repaired it stays so.
          if (dice() < 0.2) history.check(contentsOf(image, below), count);
        }
      }),
      {
        numRuns: RUNS,
        examples: REUSE_OF_PLACES,
      },
    );
  });

  it('is nothing to a file that was only opened', () => {
    const { journal, file, below } = play({ hasParent: true, blockBytes: MIB, sectorBytes: 512 }, []);
    const before = journal.count;
    new EditedDisk(openEditor(file), below).close();
    expect(journal.count).toBe(before);
  });
});
