/** Random work on a chain of finished files, compared with a plain map of sectors after every step. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import { ChainIndex } from '../../../src/vhdx/chain-index.ts';
import { EditedDisk } from '../../../src/vhdx/edit/edited-disk.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { compact } from '../../../src/vhdx/operations/compact.ts';
import { mergeFiles } from '../../../src/vhdx/operations/merge.ts';
import { relink } from '../../../src/vhdx/operations/rebase.ts';
import { resize } from '../../../src/vhdx/operations/resize.ts';
import { Gather } from '../../../src/vhdx/runs.ts';
import { MIB, pattern } from '../scratch.ts';
import { memoryChild } from './memory-vhdx.ts';

const RUNS = Number(process.env.HYPERFILE_MODEL_RUNS ?? 2000);
/** Thousands of runs, on a machine that may have more to do. */
const MINUTES_MS = 600_000;
const PAGE_BYTES = 4096;
const MAX_PAGES = 3 * 256 + 5;
/** What pages hold, made once. */
const CONTENTS = Array.from({ length: 16 }, (_, seed) => pattern(PAGE_BYTES, seed));

type Change = {
  readonly do: 'write' | 'zero' | 'trim';
  readonly first: number;
  readonly count: number;
  readonly seed: number;
};
type Step =
  | Change
  | { readonly do: 'child'; readonly blockBytes: number; readonly growsBy: number }
  | { readonly do: 'seal'; readonly blockBytes: number; readonly changes: readonly Change[] }
  | { readonly do: 'resize'; readonly pages: number }
  | { readonly do: 'reopen' | 'compact' | 'merge' | 'rebase' };

const blockBytes = fc.constantFrom(MIB, MIB, 2 * MIB);
const change: fc.Arbitrary<Change> = fc.record({
  do: fc.constantFrom('write', 'write', 'zero', 'trim'),
  first: fc.oneof(fc.nat(MAX_PAGES - 1), fc.constantFrom(0, 255, 256, 511, 512)),
  count: fc.constantFrom(1, 2, 17, 255, 256, 300, 600),
  seed: fc.nat(CONTENTS.length - 1),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: change },
  {
    weight: 2,
    arbitrary: fc.constantFrom('reopen', 'compact', 'merge', 'merge', 'rebase').map((what) => ({ do: what })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('child'), blockBytes, growsBy: fc.constantFrom(0, 0, 1, 300) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('seal'),
      blockBytes,
      changes: fc.array(change, { maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('resize'), pages: fc.integer({ min: 1, max: MAX_PAGES }) }),
  },
);
const shape = fc.record({
  pages: fc.integer({ min: 1, max: MAX_PAGES }),
  blockBytes,
  sectorBytes: fc.constantFrom(512, 4096),
});

interface Sectors {
  write(source: Uint8Array, offset: number): void;
  zero(offset: number, length: number): void;
}

class Run {
  /** Page -> the seed of what it holds; pages of zeros are absent. */
  readonly model = new Map<number, number>();
  pages: number;
  readonly #sectorBytes: number;
  /** Leaf first. */
  readonly files: MemoryFile[] = [];
  #layers: Layer[] = [];
  #disk: EditedDisk | undefined;
  #named = 0;

  constructor({
    pages,
    blockBytes,
    sectorBytes,
  }: {
    pages: number;
    blockBytes: number;
    sectorBytes: number;
  }) {
    this.pages = pages;
    this.#sectorBytes = sectorBytes;
    this.#add(blockBytes);
  }

  get #below(): Layer[] {
    return this.#layers.slice(1);
  }

  /** The leaf, open for change. */
  disk(): EditedDisk {
    this.#disk ??= new EditedDisk(openEditor(this.files[0]), this.#below);
    return this.#disk;
  }

  finish(): void {
    this.#disk?.editor.finish();
    this.#disk = undefined;
    this.#layers = this.files.map(readLayer);
  }

  #add(blockBytes: number, fill?: (leaf: Sectors) => void): void {
    const file = new MemoryFile(`disk${this.#named++}.vhdx`);
    const size = { sizeBytes: this.pages * PAGE_BYTES, blockBytes, sectorBytes: this.#sectorBytes };
    memoryChild(file, size, this.#layers, fill);
    this.files.unshift(file);
    this.finish();
  }

  take(step: Step): void {
    switch (step.do) {
      case 'write':
      case 'zero':
      case 'trim':
        return this.change(this.disk(), step);
      case 'child':
        this.finish();
        this.pages = Math.min(MAX_PAGES, this.pages + step.growsBy);
        return this.#add(step.blockBytes);
      case 'seal':
        this.finish();
        return this.#add(step.blockBytes, (leaf) =>
          step.changes.forEach((inner) => this.change(leaf, inner)),
        );
      case 'resize':
        return this.resize(step.pages);
      case 'compact':
        return run(compact(this.disk()));
      case 'merge':
        return this.merge();
      case 'rebase':
        return this.rebase();
      case 'reopen':
        return this.finish();
    }
  }

  change(disk: Sectors, { do: what, first, count, seed }: Change): void {
    const end = Math.min(this.pages, first + count);
    for (let page = first; page < end; page++) {
      if (what === 'write') this.model.set(page, seed);
      else this.model.delete(page);
    }
    const length = Math.max(0, end - first) * PAGE_BYTES;
    if (length === 0) return;
    if (what === 'trim') disk.zero(first * PAGE_BYTES, length);
    else if (what === 'zero') disk.write(new Uint8Array(length), first * PAGE_BYTES);
    else {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at < length; at += PAGE_BYTES) CONTENTS[seed].copy(bytes, at);
      disk.write(bytes, first * PAGE_BYTES);
    }
  }

  resize(pages: number): void {
    this.finish();
    run(resize(this.files[0], this.#below, pages * PAGE_BYTES));
    this.pages = pages;
    for (const page of this.model.keys()) if (page >= pages) this.model.delete(page);
    this.finish();
  }

  merge(): void {
    this.finish();
    const [leaf, parent] = this.#layers;
    if (parent === undefined || leaf.geometry.sizeBytes < parent.geometry.sizeBytes) return;
    run(mergeFiles(this.files[0], this.files[1], this.#layers.slice(2)));
    this.files.shift();
    this.finish();
  }

  /** The parent is found elsewhere, with another identity, and reads the same. */
  rebase(): void {
    this.finish();
    const parent = this.files[1];
    if (parent === undefined) return;
    const moved = openEditor(parent);
    moved.begin('data');
    moved.finish();
    const editor = openEditor(this.files[0]);
    relink(editor, { path: `elsewhere/${parent.path}`, dataWriteGuid: moved.dataWriteGuid });
    editor.finish();
    this.finish();
  }

  check(): void {
    const shown = Buffer.alloc(this.pages * PAGE_BYTES, 0xee);
    if (this.#disk) this.#disk.read(shown, 0);
    else new Gather().read(new ChainIndex(this.#layers, this.#sectorBytes), shown, 0);
    const expected = Buffer.alloc(shown.length);
    for (const [page, seed] of this.model) CONTENTS[seed].copy(expected, page * PAGE_BYTES);
    expect(shown.equals(expected)).toBe(true);
    this.#below.forEach((parent, i) => {
      expect(this.#layers[i].locator?.linkage).toEqual([parent.dataWriteGuid]);
    });
  }
}

function run(work: Generator<unknown, unknown>): void {
  while (!work.next().done);
}

it(
  'files that are changed in place always hold what a plain map of sectors holds',
  () => {
    fc.assert(
      fc.property(shape, fc.array(step, { minLength: 1, maxLength: 14, size: 'max' }), (shape, steps) => {
        const work = new Run(shape);
        for (const step of steps) {
          work.take(step);
          if (step.do !== 'write' && step.do !== 'zero') work.check();
        }
        work.finish();
        work.check();
      }),
      {
        numRuns: RUNS,
        examples: [
          // A partial block that is given up, and partial again in its old place: the bits it had must not count again.
          [
            { pages: 512, blockBytes: MIB, sectorBytes: 512 },
            [
              { do: 'child', blockBytes: MIB, growsBy: 0 },
              { do: 'write', first: 0, count: 1, seed: 1 },
              { do: 'reopen' },
              { do: 'zero', first: 0, count: 256, seed: 0 },
              { do: 'reopen' },
              { do: 'write', first: 5, count: 1, seed: 2 },
              { do: 'reopen' },
            ],
          ],
        ],
      },
    );
  },
  MINUTES_MS,
);
