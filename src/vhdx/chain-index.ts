/**
 * One index over all finished layers of a chain: for every megabyte of the disk, whose data counts. A megabyte is
 * resolved when it is first read, by walking down the layers once; from then on depth costs nothing. A layer that is
 * sealed later is merged into what is known. Six bytes a megabyte, for those gigabytes that hold something at all, and
 * eight for every run of a megabyte that several layers share.
 */
import type { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { BLOCK, MIB } from './format.ts';
import type { Geometry } from './geometry.ts';
import type { BlockTable } from './block-table.ts';
import type { Layer } from './layer.ts';
import type { RunSource, RunVisitor } from './runs.ts';
import { readBlockBits } from './sector-bitmap.ts';
import { FIRST_FILE, IndexPage, MIXED, UNITS_PER_PAGE, UNRESOLVED, ZERO } from './index-page.ts';
import { findRun, runFileMb, runSource, runStart, UnitScratch } from './unit-runs.ts';

const PAGE_SHIFT = Math.log2(UNITS_PER_PAGE);
const PAGE_MASK = UNITS_PER_PAGE - 1;

/** A finished difference, as {@link ChainIndex.absorb} takes it. */
export interface FinishedBlocks {
  readonly file: BlockFile;
  readonly geometry: Geometry;
  readonly table: BlockTable;
  /** The bits of PARTIALLY_PRESENT blocks. */
  readonly bits: ReadonlyMap<number, Bitmap>;
}

export class ChainIndex implements RunSource {
  /** The disk as the topmost layer sees it. */
  #sizeBytes: number;
  readonly #layers: readonly Layer[];
  readonly #files: BlockFile[];
  /** `null`: nothing in this gigabyte; `undefined`: not looked at. */
  readonly #pages: (IndexPage | null | undefined)[] = [];
  readonly #sectorBytes: number;
  readonly #scratch: UnitScratch;

  /** `layers` leaf first; none for a disk of zeros. */
  constructor(layers: readonly Layer[], logicalSectorBytes: number) {
    this.#layers = layers;
    this.#files = layers.map((layer) => layer.file);
    this.#sizeBytes = layers[0]?.geometry.sizeBytes ?? 0;
    this.#sectorBytes = logicalSectorBytes;
    this.#scratch = new UnitScratch(MIB / logicalSectorBytes);
  }

  runs(offset: number, length: number, at: number, visitor: RunVisitor): void {
    for (let done = 0; done < length;) {
      const position = offset + done;
      const unit = Math.floor(position / MIB);
      const page = this.#pageOf(unit >>> PAGE_SHIFT);
      if (page === null) {
        const pageEnd = ((unit >>> PAGE_SHIFT) + 1) * UNITS_PER_PAGE * MIB;
        const count = Math.min(pageEnd - position, length - done);
        visitor.zeros(at + done, count);
        done += count;
        continue;
      }
      const within = position - unit * MIB;
      const count = Math.min(MIB - within, length - done);
      let source = page.source[unit & PAGE_MASK];
      if (source === UNRESOLVED) source = this.#resolve(page, unit);
      if (source >= FIRST_FILE) {
        const fileOffset = page.place[unit & PAGE_MASK] * MIB + within;
        visitor.data(this.#files[source - FIRST_FILE], fileOffset, at + done, count);
      } else if (source === ZERO) visitor.zeros(at + done, count);
      else this.#mixedRuns(page.words, page.place[unit & PAGE_MASK], within, count, at + done, visitor);
      done += count;
    }
  }

  #mixedRuns(
    words: Uint32Array,
    record: number,
    within: number,
    length: number,
    at: number,
    visitor: RunVisitor,
  ): void {
    const end = within + length;
    let run = findRun(words, record, Math.floor(within / this.#sectorBytes), this.#scratch.sectorCount);
    for (let from = within; from < end; run++) {
      const to = Math.min(end, runStart(words, record, run + 1) * this.#sectorBytes);
      const source = runSource(words, record, run);
      if (source === ZERO) visitor.zeros(at + from - within, to - from);
      else {
        const fileOffset = runFileMb(words, record, run) * MIB + from;
        visitor.data(this.#files[source - FIRST_FILE], fileOffset, at + from - within, to - from);
      }
      from = to;
    }
  }

  #pageOf(index: number): IndexPage | null {
    const known = this.#pages[index];
    if (known !== undefined) return known;
    const first = index * UNITS_PER_PAGE * MIB;
    const last = first + UNITS_PER_PAGE * MIB - 1;
    const holds = this.#layers.some(({ table, geometry }) => {
      const lastBlock = Math.min(Math.floor(last / geometry.blockBytes), geometry.blockCount - 1);
      return table.mayHold(Math.floor(first / geometry.blockBytes), lastBlock);
    });
    return (this.#pages[index] = holds ? new IndexPage() : null);
  }

  /** Walks down the layers for one unit and keeps the answer. */
  #resolve(page: IndexPage, unit: number): number {
    const whole = this.#resolveWhole(page, unit);
    if (whole !== UNRESOLVED) return whole;
    const scratch = this.#scratch;
    scratch.clear();
    let limitBytes = this.#sizeBytes;
    for (const [i, layer] of this.#layers.entries()) {
      // What a child has past the end of its parent reads as zeros, whatever still older layers hold there.
      limitBytes = Math.min(limitBytes, layer.geometry.sizeBytes);
      const sectorsLeft = Math.floor((limitBytes - unit * MIB) / this.#sectorBytes);
      scratch.fill(Math.max(0, sectorsLeft), scratch.sectorCount, ZERO, 0);
      if (this.#lay(layer, i + FIRST_FILE, unit) || scratch.isFull) break;
    }
    scratch.fill(0, scratch.sectorCount, ZERO, 0);
    return this.#store(page, unit);
  }

  /** The usual case: one layer, or none, holds the whole unit. UNRESOLVED when it is not that simple. */
  #resolveWhole(page: IndexPage, unit: number): number {
    const slot = unit & PAGE_MASK;
    for (let i = 0; i < this.#layers.length; i++) {
      const { geometry, table } = this.#layers[i];
      if (geometry.sizeBytes <= unit * MIB) break;
      if (geometry.sizeBytes < (unit + 1) * MIB) return UNRESOLVED;
      const block = Math.floor((unit * MIB) / geometry.blockBytes);
      const state = table.state(block);
      if (state === BLOCK.NOT_PRESENT) continue;
      if (state === BLOCK.PARTIALLY_PRESENT) return UNRESOLVED;
      if (state !== BLOCK.FULLY_PRESENT) break;
      page.place[slot] = table.fileMb(block) + unit - block * (geometry.blockBytes / MIB);
      return (page.source[slot] = i + FIRST_FILE);
    }
    return (page.source[slot] = ZERO);
  }

  /** Lays one layer's part of a unit under what the scratch holds. Returns true when nothing below can show. */
  #lay(layer: Layer, source: number, unit: number): boolean {
    const { geometry, table } = layer;
    const block = Math.floor((unit * MIB) / geometry.blockBytes);
    if (block >= geometry.blockCount) return true;
    const state = table.state(block);
    if (state === BLOCK.NOT_PRESENT) return false;
    const all = this.#scratch.sectorCount;
    const unitInBlock = unit - block * (geometry.blockBytes / MIB);
    const fileMb = table.fileMb(block) + unitInBlock;
    if (state === BLOCK.PARTIALLY_PRESENT) {
      const bits = readBlockBits(layer, block, unitInBlock * all, all);
      for (const { start, end } of bits.runs()) this.#scratch.fill(start, end, source, fileMb);
      return false;
    }
    if (state === BLOCK.FULLY_PRESENT) this.#scratch.fill(0, all, source, fileMb);
    else this.#scratch.fill(0, all, ZERO, 0);
    return true;
  }

  /** Keeps what the scratch holds as a unit's answer. */
  #store(page: IndexPage, unit: number): number {
    const slot = unit & PAGE_MASK;
    const single = this.#scratch.single();
    if (single) page.set(slot, single.source, single.fileMb);
    else page.setMixed(slot, this.#scratch.record());
    return page.source[slot];
  }

  /**
   * Puts a finished difference on top. Only the units it touches are looked at.
   */
  absorb(finished: FinishedBlocks): void {
    const { geometry, table, file } = finished;
    const source = this.#files.length + FIRST_FILE;
    const unitsPerBlock = geometry.blockBytes / MIB;
    for (const block of table.blocks()) {
      const bits = finished.bits.get(block);
      const isZero = table.state(block) !== BLOCK.FULLY_PRESENT && bits === undefined;
      for (let i = 0; i < unitsPerBlock; i++) {
        const unit = block * unitsPerBlock + i;
        if (unit * MIB >= geometry.sizeBytes) break;
        const [top, fileMb] = isZero ? [ZERO, 0] : [source, table.fileMb(block) + i];
        this.#cover(unit, bits, i * this.#scratch.sectorCount, top, fileMb);
      }
    }
    this.#files.push(file);
    this.#sizeBytes = geometry.sizeBytes;
  }

  /** Lays a new topmost part over one unit: the sectors whose bits are set, or all of them. */
  #cover(unit: number, bits: Bitmap | undefined, firstBit: number, source: number, fileMb: number): void {
    const page = this.#pageOf(unit >>> PAGE_SHIFT) ?? (this.#pages[unit >>> PAGE_SHIFT] = newZeroPage());
    const scratch = this.#scratch;
    const slot = unit & PAGE_MASK;
    // Before the scratch is used: resolving needs it too.
    if (page.source[slot] === UNRESOLVED) this.#resolve(page, unit);
    scratch.clear();
    if (bits === undefined) scratch.fill(0, scratch.sectorCount, source, fileMb);
    else {
      for (const { start, end } of bits.runs(firstBit, firstBit + scratch.sectorCount)) {
        scratch.fill(start - firstBit, end - firstBit, source, fileMb);
      }
    }
    const below = page.source[slot];
    if (below === MIXED) scratch.fillFrom(page.words, page.place[slot]);
    else scratch.fill(0, scratch.sectorCount, below, page.place[slot]);
    this.#store(page, unit);
  }

  /** Closes the files of all layers, absorbed ones included. */
  close(): void {
    for (const file of this.#files) file.close();
  }
}

function newZeroPage(): IndexPage {
  const page = new IndexPage();
  page.source.fill(ZERO);
  return page;
}
