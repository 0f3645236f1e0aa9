/** Changes a file that could be opened, however odd it is: afterwards it reads as it should, and nothing else has changed. */
import { EditedDisk } from '../../../src/vhdx/edit/edited-disk.ts';
import { openEditor } from '../../../src/vhdx/edit/open.ts';
import { MIB } from '../../../src/vhdx/format.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { checkOpenFile } from '../../../src/vhdx/operations/check.ts';
import { compact } from '../../../src/vhdx/operations/compact.ts';
import { repairFile } from '../../../src/vhdx/operations/repair.ts';
import { resize } from '../../../src/vhdx/operations/resize.ts';
import { pattern } from '../scratch.ts';
import { MutantDisk, type Spot } from './mutant-disk.ts';
import { MutantFile, Violation, type Image } from './mutant-file.ts';
import type { Random } from './random.ts';
import { compareWithCheck, must, repairsFor } from './verdicts.ts';

/** Larger disks and blocks than these are not rewritten: filling them only takes time. */
const MAX_BLOCK_BYTES = 4 * MIB;
const MAX_FIXED_BYTES = 64 * MIB;

/** What was refused opens after a repair, when a check promises that all of its errors can be put right. */
export function repairRefused(image: Image): void {
  const file = new MutantFile(image);
  const { findings } = must('check', () => checkOpenFile(file));
  const errors = findings.listed.filter(({ severity }) => severity === 'error');
  if (errors.some(({ repair }) => repair === undefined)) return;
  must('repair', () => repairFile(file, repairsFor(file)));
  compareWithCheck(
    file.image(),
    must('open after a repair', () => readLayer(new MutantFile(file.image()))),
  );
}

export class Changes {
  readonly #file: MutantFile;
  readonly #below: readonly Layer[];
  readonly #random: Random;
  #spots: readonly Spot[];
  /** What each spot must hold. */
  #expected: readonly Buffer[];

  constructor(
    image: Image,
    below: readonly Layer[],
    spots: readonly Spot[],
    contents: readonly Buffer[],
    random: Random,
  ) {
    this.#file = new MutantFile(image);
    this.#below = below;
    this.#random = random;
    this.#spots = spots;
    this.#expected = contents.map((bytes) => Buffer.from(bytes));
  }

  /** One or two changes after each other. */
  make(): void {
    if (this.#random.chance(0.4)) this.#repair();
    do {
      const { geometry, metadata } = must('open', () => readLayer(this.#file));
      if (geometry.blockBytes > MAX_BLOCK_BYTES) return;
      if (metadata.leaveBlocksAllocated && geometry.sizeBytes > MAX_FIXED_BYTES) return;
      const change = this.#random.pick([() => this.#write(), () => this.#compact(), () => this.#resize()]);
      change();
    } while (this.#random.chance(0.3));
  }

  #repair(): void {
    const kinds = repairsFor(this.#file);
    if (kinds.size === 0) return;
    must('repair', () => repairFile(this.#file, kinds));
    this.#compare('a repair');
    const left = [...repairsFor(this.#file)];
    if (left.length > 0) throw new Violation(`a repair leaves something to repair: ${left.join(', ')}`);
  }

  /** Writes and zeroes a little here and there; then all is well, or the host crashes. */
  #write(): void {
    const random = this.#random;
    const disk = this.#disk();
    for (let i = random.below(4); i >= 0; i--) {
      const { offset, length: spotBytes } = random.pick(this.#spots);
      const length = random.chance(0.5) ? spotBytes : 1 + random.below(spotBytes);
      const bytes = random.chance(0.3) ? Buffer.alloc(length) : pattern(length, i + 60);
      if (bytes[0] === 0) must('zero', () => disk.zero(offset, length));
      else must('write', () => disk.write(bytes, offset));
      this.#lay(offset, bytes);
    }
    if (random.chance(0.3)) {
      must('commit', () => disk.flush());
      return this.#compare('a commit and a crash');
    }
    must('finish', () => disk.editor.finish());
    this.#compare('a change');
  }

  /** The file becomes shorter, and the disk stays the same. */
  #compact(): void {
    const before = this.#file.sizeBytes();
    const disk = this.#disk();
    must('compact', () => [...compact(disk)]);
    must('finish', () => disk.editor.finish());
    // A file without a log gets one, and one that ends in the middle of a block becomes whole first.
    if (this.#file.sizeBytes() > before + MIB + MAX_BLOCK_BYTES)
      throw new Violation('compacting makes files longer');
    this.#compare('compacting');
  }

  /** What the disk gains reads as zeros, what it loses is lost. */
  #resize(): void {
    const random = this.#random;
    const { geometry } = must('open', () => readLayer(this.#file));
    const { sizeBytes: before, logicalSectorBytes: sector } = geometry;
    const by = random.pick([1, 3, 8, MIB / sector, (5 * MIB) / sector, random.below(10_000)]) * sector;
    const after = random.chance(0.6) ? before + by : Math.max(sector, before - by);
    if (after > 64 * MIB * MIB) return;
    must('resize', () => [...resize(this.#file, this.#below, after)]);
    const { sizeBytes } = must('open', () => readLayer(this.#file)).geometry;
    if (sizeBytes !== after) throw new Violation(`the disk has ${sizeBytes} bytes instead of ${after}`);
    this.#reshape(before, after);
    this.#compare(after > before ? 'growing' : 'shrinking');
  }

  #reshape(before: number, after: number): void {
    const spots: Spot[] = [];
    const expected: Buffer[] = [];
    this.#spots.forEach(({ offset, length }, i) => {
      const kept = Math.min(length, after - offset);
      if (kept <= 0) return;
      spots.push({ offset, length: kept });
      expected.push(this.#expected[i].subarray(0, kept));
    });
    for (const offset of [before, Math.floor((before + after) / 2), after - 512]) {
      if (offset < before || offset >= after) continue;
      const length = Math.min(512, after - offset);
      spots.push({ offset, length });
      expected.push(Buffer.alloc(length));
    }
    this.#spots = spots;
    this.#expected = expected;
  }

  #disk(): EditedDisk {
    return new EditedDisk(
      must('open for changes', () => openEditor(this.#file)),
      this.#below,
    );
  }

  /** Lays a write over what all spots that it touches must hold. */
  #lay(at: number, bytes: Buffer): void {
    this.#spots.forEach(({ offset, length }, i) => {
      const [start, end] = [Math.max(offset, at), Math.min(offset + length, at + bytes.length)];
      if (start < end) bytes.copy(this.#expected[i], start - offset, start - at, end - at);
    });
  }

  #compare(after: string): void {
    const copy = new MutantFile(this.#file.image());
    const layer = must(`open after ${after}`, () => readLayer(copy));
    copy.isOpen = true;
    const disk = new MutantDisk([layer, ...this.#below]);
    const contents = must(`read after ${after}`, () => disk.readAll(this.#spots));
    const wrong = contents.findIndex((bytes, i) => !bytes.equals(this.#expected[i]));
    if (wrong >= 0)
      throw new Violation(`after ${after} the disk reads otherwise at ${this.#spots[wrong].offset}`);
    compareWithCheck(this.#file.image(), layer);
  }
}
