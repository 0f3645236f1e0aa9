/**
 * One index over all finished layers of a chain: for every megabyte of the disk, whose data counts. A megabyte is
 * resolved when it is first read, by walking down the layers once; from then on depth costs nothing. A layer that is
 * sealed later is merged into what is known.
 *
 * It takes 6 KiB for each gigabyte that was looked at and is not all in one place, and what index-page.ts and
 * unit-cells.ts say for the megabytes that several layers share: for a GiB in which every sector comes from another layer
 * than the one before it, 276 KiB where two layers alternate, 4.1 MiB for 256 layers, 6.2 MiB at the very most.
 * Altogether it never takes more than {@link INDEX_LIMIT_BYTES}, whatever the disk: beyond that it forgets what was not
 * used for longest. The block tables of the layers come on top, see block-table.ts.
 */
import type { Bitmap } from '../bytes/bitmap.ts';
import { BLOCK, MIB } from './format.ts';
import type { Layer } from './layer.ts';
import type { RunSource, RunVisitor } from './runs.ts';
import { readBlockBits } from './sector-bitmap.ts';
import {
  FIRST_FILE,
  IndexPage,
  MIXED,
  UNITS_PER_PAGE,
  UNRESOLVED,
  ZERO,
  ZEROS_ONLY,
  type UniformPage,
} from './index-page.ts';
import { PageCache } from './page-cache.ts';
import { UnitCells, UnitScratch } from './unit-cells.ts';

const PAGE_SHIFT = Math.log2(UNITS_PER_PAGE);
const PAGE_MASK = UNITS_PER_PAGE - 1;
const PAGE_BYTES = UNITS_PER_PAGE * MIB;

/** What all pages of an index together may take. */
export const INDEX_LIMIT_BYTES = 64 * MIB;

/** What the index needs of a layer. */
export type IndexedLayer = Pick<Layer, 'file' | 'geometry' | 'table' | 'bitmapMb'>;

export class ChainIndex implements RunSource {
  /** The base first: a layer keeps its number when another one is put on top. */
  readonly #layers: IndexedLayer[];
  readonly #pages: PageCache;
  readonly #sectorBytes: number;
  readonly #scratch: UnitScratch;

  /** `layers` leaf first; none for a disk of zeros. */
  constructor(
    layers: readonly IndexedLayer[],
    logicalSectorBytes: number,
    limitBytes: number = INDEX_LIMIT_BYTES,
  ) {
    this.#layers = layers.toReversed();
    this.#pages = new PageCache(limitBytes);
    this.#sectorBytes = logicalSectorBytes;
    this.#scratch = new UnitScratch(MIB / logicalSectorBytes);
  }

  /** Bytes that the index takes now, without the tables of the layers. */
  get bytes(): number {
    return this.#pages.bytes;
  }

  runs(offset: number, length: number, at: number, visitor: RunVisitor): void {
    for (let done = 0; done < length;) {
      const position = offset + done;
      const unit = Math.floor(position / MIB);
      const page = this.#pageOf(unit >>> PAGE_SHIFT);
      if (!(page instanceof IndexPage)) {
        const count = Math.min(PAGE_BYTES - (position % PAGE_BYTES), length - done);
        this.#uniformRun(page, position % PAGE_BYTES, count, at + done, visitor);
        done += count;
        continue;
      }
      const within = position - unit * MIB;
      const count = Math.min(MIB - within, length - done);
      let source = page.source[unit & PAGE_MASK];
      if (source === UNRESOLVED) source = this.#resolve(page, unit);
      if (source >= FIRST_FILE) {
        const fileOffset = page.place[unit & PAGE_MASK] * MIB + within;
        visitor.data(this.#layers[source - FIRST_FILE].file, fileOffset, at + done, count);
      } else if (source === ZERO) visitor.zeros(at + done, count);
      else this.#mixedRuns(page.words, page.place[unit & PAGE_MASK], within, count, at + done, visitor);
      done += count;
    }
  }

  #uniformRun(page: UniformPage, within: number, length: number, at: number, visitor: RunVisitor): void {
    if (page.source === ZERO) return visitor.zeros(at, length);
    visitor.data(this.#layers[page.source - FIRST_FILE].file, page.fileMb * MIB + within, at, length);
  }

  #mixedRuns(
    words: Uint32Array,
    record: number,
    within: number,
    length: number,
    at: number,
    visitor: RunVisitor,
  ): void {
    const cells = new UnitCells(words, record);
    const end = within + length;
    const endSector = Math.ceil(end / this.#sectorBytes);
    let sector = Math.floor(within / this.#sectorBytes);
    for (let from = within; from < end;) {
      const cell = cells.cellAt(sector);
      sector = cells.runEnd(sector, endSector);
      const to = Math.min(end, sector * this.#sectorBytes);
      const source = cells.source(cell);
      if (source === ZERO) visitor.zeros(at + from - within, to - from);
      else {
        const fileOffset = cells.fileMb(cell) * MIB + from;
        visitor.data(this.#layers[source - FIRST_FILE].file, fileOffset, at + from - within, to - from);
      }
      from = to;
    }
  }

  #pageOf(index: number): IndexPage | UniformPage {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page = this.#uniformPage(index) ?? new IndexPage(this.#scratch.sectorCount);
    this.#pages.set(index, page);
    return page;
  }

  /** The one place where all of a gigabyte is, if it is that simple. */
  #uniformPage(index: number): UniformPage | undefined {
    const start = index * PAGE_BYTES;
    const end = start + PAGE_BYTES;
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const { geometry, table } = this.#layers[i];
      const { blockBytes, sizeBytes } = geometry;
      if (sizeBytes <= start) break;
      if (sizeBytes < end) {
        const isEmpty = !this.#layers.slice(0, i + 1).some((layer) => mayHold(layer, index));
        return isEmpty ? ZEROS_ONLY : undefined;
      }
      const block = Math.floor(start / blockBytes);
      const limit = Math.ceil(end / blockBytes);
      if (table.runEnd(block, limit, blockBytes / MIB) < limit) return undefined;
      const state = table.state(block);
      if (state === BLOCK.NOT_PRESENT) continue;
      if (state === BLOCK.PARTIALLY_PRESENT) return undefined;
      if (state !== BLOCK.FULLY_PRESENT) break;
      return { source: i + FIRST_FILE, fileMb: table.fileMb(block) + (start - block * blockBytes) / MIB };
    }
    return ZEROS_ONLY;
  }

  /** Walks down the layers for one unit and keeps the answer. */
  #resolve(page: IndexPage, unit: number): number {
    const whole = this.#resolveWhole(page, unit);
    if (whole !== UNRESOLVED) return whole;
    const scratch = this.#scratch;
    scratch.clear();
    let limitBytes = Infinity;
    for (let i = this.#layers.length - 1; i >= 0 && !scratch.isFull; i--) {
      const layer = this.#layers[i];
      // What a child has past the end of its parent reads as zeros, whatever still older layers hold there.
      limitBytes = Math.min(limitBytes, layer.geometry.sizeBytes);
      this.#cutAt(limitBytes, unit);
      if (this.#lay(layer, i + FIRST_FILE, unit)) break;
    }
    scratch.fill(0, scratch.sectorCount, ZERO, 0);
    return this.#store(page, unit);
  }

  /** Lets the part of a unit that lies past the end of a disk read as zeros. */
  #cutAt(sizeBytes: number, unit: number): void {
    const sectorsLeft = Math.floor((sizeBytes - unit * MIB) / this.#sectorBytes);
    if (sectorsLeft >= this.#scratch.sectorCount) return;
    this.#scratch.fill(Math.max(0, sectorsLeft), this.#scratch.sectorCount, ZERO, 0);
  }

  /** The usual case: one layer, or none, holds the whole unit. UNRESOLVED when it is not that simple. */
  #resolveWhole(page: IndexPage, unit: number): number {
    const slot = unit & PAGE_MASK;
    for (let i = this.#layers.length - 1; i >= 0; i--) {
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
  #lay(layer: IndexedLayer, source: number, unit: number): boolean {
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
      this.#scratch.fillBits(bits, 0, source, fileMb);
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
    else this.#pages.change(page, () => page.setMixed(slot, this.#scratch.record()));
    return page.source[slot];
  }

  /**
   * Puts a finished difference on top. Only what is known of the units it touches is looked at.
   *
   * @param bits The bits of its PARTIALLY_PRESENT blocks.
   */
  absorb(layer: IndexedLayer, bits: ReadonlyMap<number, Bitmap>): void {
    const { geometry, table } = layer;
    // What a smaller disk cuts off stays away, even when a larger one comes on top.
    if (geometry.sizeBytes !== this.#layers.at(-1)?.geometry.sizeBytes) this.#pages.clear();
    const source = this.#layers.push(layer) - 1 + FIRST_FILE;
    const unitsPerBlock = geometry.blockBytes / MIB;
    for (const block of table.blocks()) {
      const own = bits.get(block);
      const isZero = table.state(block) !== BLOCK.FULLY_PRESENT && own === undefined;
      for (let i = 0; i < unitsPerBlock; i++) {
        const unit = block * unitsPerBlock + i;
        if (unit * MIB >= geometry.sizeBytes) break;
        const [top, fileMb] = isZero ? [ZERO, 0] : [source, table.fileMb(block) + i];
        this.#cover(unit, own, i * this.#scratch.sectorCount, top, fileMb);
      }
    }
  }

  /** Lays a new topmost part over one unit: the sectors whose bits are set, or all of them. */
  #cover(unit: number, bits: Bitmap | undefined, firstBit: number, source: number, fileMb: number): void {
    const page = this.#pages.get(unit >>> PAGE_SHIFT);
    if (!(page instanceof IndexPage)) return this.#pages.unset(unit >>> PAGE_SHIFT);
    const scratch = this.#scratch;
    const slot = unit & PAGE_MASK;
    const below = page.source[slot];
    if (below === UNRESOLVED) return;
    scratch.clear();
    this.#cutAt(this.#layers.at(-1)!.geometry.sizeBytes, unit);
    if (bits === undefined) scratch.fill(0, scratch.sectorCount, source, fileMb);
    else scratch.fillBits(bits, firstBit, source, fileMb);
    if (below === MIXED) scratch.fillFrom(page.words, page.place[slot]);
    else scratch.fill(0, scratch.sectorCount, below, page.place[slot]);
    this.#store(page, unit);
  }

  /** Closes the files of all layers, absorbed ones included. */
  close(): void {
    for (const { file } of this.#layers) file.close();
  }
}

/** False when a layer surely holds nothing in a gigabyte of the disk. */
function mayHold({ geometry, table }: IndexedLayer, page: number): boolean {
  const first = page * PAGE_BYTES;
  const last = Math.min(first + PAGE_BYTES, geometry.sizeBytes) - 1;
  if (last < first) return false;
  return table.mayHold(Math.floor(first / geometry.blockBytes), Math.floor(last / geometry.blockBytes));
}
