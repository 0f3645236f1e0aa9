/** Power may go at any moment while a disk is resized, compacted or merged: no disk of the chain reads differently for it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemoryFile } from '../../../src/disk/memory-file.ts';
import { ChainIndex } from '../../../src/vhdx/chain-index.ts';
import { EditedDisk } from '../../../src/vhdx/edit/edited-disk.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import { readLayer } from '../../../src/vhdx/layer.ts';
import { compact } from '../../../src/vhdx/operations/compact.ts';
import { mergeFiles } from '../../../src/vhdx/operations/merge.ts';
import { resize } from '../../../src/vhdx/operations/resize.ts';
import { Gather } from '../../../src/vhdx/runs.ts';
import { MIB, pattern } from '../scratch.ts';
import { memoryChild } from './memory-vhdx.ts';
import { diceOf, Journal, RecordedFile, type Dice } from './recorded-file.ts';

// Many moments of many runs, on a machine that may have more to do.
const DISK_BYTES = 10 * MIB;
const RUNS = Number(process.env.HYPERFILE_CRASH_RUNS ?? 20);
const MOMENTS = 40;

type Change = readonly [what: 'data' | 'zero', first: number, count: number];
/** Whole pages of 4096 bytes. */
const change: fc.Arbitrary<Change> = fc.tuple(
  fc.constantFrom('data' as const, 'data' as const, 'zero' as const),
  fc.nat(DISK_BYTES / 4096 - 1),
  fc.constantFrom(1, 5, 256, 600),
);
const changes = fc.array(change, { minLength: 1, maxLength: 10 });
const blockBytes = fc.constantFrom(MIB, 2 * MIB);

interface Writable {
  write(source: Uint8Array, offset: number): void;
  zero(offset: number, length: number): void;
}

function make(disk: Writable, list: readonly Change[], seed: number): void {
  list.forEach(([what, first, count], i) => {
    const length = Math.min(count * 4096, DISK_BYTES - first * 4096);
    if (what === 'data') disk.write(pattern(length, seed + i), first * 4096);
    else disk.zero(first * 4096, length);
  });
}

/** What the topmost of some files shows, leaf first. */
function contents(files: readonly MemoryFile[]): Buffer {
  const layers = files.map(readLayer);
  layers.slice(1).forEach((parent, i) => {
    expect(layers[i].locator?.linkage).toContain(parent.dataWriteGuid);
  });
  const bytes = Buffer.alloc(layers[0].geometry.sizeBytes);
  new Gather().read(new ChainIndex(layers, layers[0].geometry.logicalSectorBytes), bytes, 0);
  return bytes;
}

function finish<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Moments after `first` to lose power at. */
function* moments(first: number, last: number, dice: Dice): Generator<number> {
  const stride = Math.max(1, (last - first) / MOMENTS);
  for (let at = first + dice() * stride; at <= last; at += stride) yield Math.floor(at);
  yield last;
}

function compactAll(file: MemoryFile): void {
  const disk = new EditedDisk(openEditor(file), []);
  finish(compact(disk));
  disk.editor.finish();
}

/** A file with gaps: written in place, and much of it given up again. */
function raggedFile(journal: Journal, list: readonly Change[], blocks: number): RecordedFile {
  const file = new RecordedFile('disk.vhdx', journal);
  memoryChild(file, { sizeBytes: DISK_BYTES, blockBytes: blocks }, []);
  const disk = new EditedDisk(openEditor(file), []);
  disk.write(pattern(DISK_BYTES, 99), 0);
  disk.flush();
  disk.zero(0, 4 * MIB);
  make(disk, list, 1);
  disk.flush();
  disk.editor.finish();
  file.flush();
  return file;
}

describe('a crash while a disk is compacted', () => {
  it('changes nothing of what it holds, and compacting again ends the work', () => {
    fc.assert(
      fc.property(changes, blockBytes, fc.nat(), (list, blocks, seed) => {
        const journal = new Journal();
        const file = raggedFile(journal, list, blocks);
        const before = contents([file]);
        const first = journal.count;
        compactAll(file);
        const length = file.sizeBytes();
        const dice = diceOf(seed);
        for (const count of moments(first, journal.count, dice)) {
          const image = journal.afterCrash(file, count, dice);
          expect(contents([image]).equals(before)).toBe(true);
          if (dice() < 0.7) continue;
          compactAll(image);
          expect(contents([image]).equals(before)).toBe(true);
          expect(image.sizeBytes()).toBe(length);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a crash while a disk is resized', () => {
  it('leaves its old size or its new one, and all that lies in both', () => {
    const sizes = fc.constantFrom(3 * MIB, DISK_BYTES - 4096, DISK_BYTES + 512, 5000 * MIB, 140_000 * MIB);
    fc.assert(
      fc.property(changes, blockBytes, sizes, fc.nat(), (list, blocks, size, seed) => {
        const journal = new Journal();
        const file = raggedFile(journal, list, blocks);
        const before = contents([file]);
        const first = journal.count;
        finish(resize(file, [], size));
        const dice = diceOf(seed);
        for (const count of moments(first, journal.count, dice)) {
          const { geometry, ...layer } = readLayer(journal.afterCrash(file, count, dice));
          expect([DISK_BYTES, size]).toContain(geometry.sizeBytes);
          const shown = Buffer.alloc(Math.min(geometry.sizeBytes, 2 * DISK_BYTES));
          new Gather().read(new ChainIndex([{ geometry, ...layer }], 512), shown, 0);
          const kept = Math.min(geometry.sizeBytes, DISK_BYTES);
          expect(shown.subarray(0, kept).equals(before.subarray(0, kept))).toBe(true);
          expect(shown.subarray(kept).every((byte) => byte === 0)).toBe(true);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('a crash while a difference is merged', () => {
  const shape = fc.record({
    base: changes,
    middle: changes,
    leaf: changes,
    blocks: fc.tuple(blockBytes, blockBytes, blockBytes),
    grows: fc.boolean(),
  });

  it('changes nothing of what it shows, and merging again gives the parent its contents', () => {
    fc.assert(
      fc.property(shape, fc.nat(), ({ base, middle, leaf, blocks, grows }, seed) => {
        const journal = new Journal();
        const [ground, parent, child] = ['ground', 'parent', 'child'].map(
          (name) => new RecordedFile(`${name}.vhdx`, journal),
        );
        const size = { sizeBytes: DISK_BYTES };
        memoryChild(ground, { ...size, blockBytes: blocks[0] }, [], (disk) => make(disk, base, 1));
        const below = readLayer(ground);
        memoryChild(parent, { ...size, blockBytes: blocks[1] }, [below], (disk) => make(disk, middle, 21));
        const sizeBytes = DISK_BYTES + (grows ? 3 * MIB : 0);
        memoryChild(child, { sizeBytes, blockBytes: blocks[2] }, [readLayer(parent), below], (disk) =>
          make(disk, leaf, 41),
        );
        for (const file of [ground, parent, child]) file.flush();
        const before = contents([child, parent, ground]);
        const first = journal.count;
        finish(mergeFiles(child, parent, [below]));
        expect(contents([parent, ground]).equals(before)).toBe(true);
        expect(contents([child, parent, ground]).equals(before)).toBe(true);
        const dice = diceOf(seed);
        for (const count of moments(first, journal.count, dice)) {
          const images = [child, parent].map((file) => journal.afterCrash(file, count, dice));
          expect(contents([...images, ground]).equals(before)).toBe(true);
          if (dice() < 0.7) continue;
          finish(mergeFiles(images[0], images[1], [below]));
          expect(contents([images[1], ground]).equals(before)).toBe(true);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
