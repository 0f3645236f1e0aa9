/** The index of a chain against a plain list of sectors, and what it costs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitmap } from '../../src/bytes/bitmap.ts';
import type { BlockFile } from '../../src/disk/block-file.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { BlockTable } from '../../src/vhdx/block-table.ts';
import { ChainIndex, type IndexedLayer } from '../../src/vhdx/chain-index.ts';
import { geometryOf } from '../../src/vhdx/geometry.ts';
import { Gather, type RunVisitor } from '../../src/vhdx/runs.ts';
import { arrayBytesOf } from '../support/memory.ts';
import { GIB, MIB } from './scratch.ts';

const [ZERO, FULL, PARTIAL] = [2, 6, 7];

interface Block {
  readonly block: number;
  readonly state: number;
  /** Of a partial block: the sectors it owns, as ranges in units of 1/64 of the block, and single sectors. */
  readonly ranges: readonly (readonly [start: number, length: number])[];
  readonly sectors: readonly number[];
}

interface LayerCase {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly blocks: readonly Block[];
}

const anyBlock: fc.Arbitrary<Block> = fc.record({
  block: fc.nat(11),
  state: fc.constantFrom(1, ZERO, 3, FULL, PARTIAL, PARTIAL, PARTIAL),
  ranges: fc.array(fc.tuple(fc.nat(63), fc.integer({ min: 1, max: 20 })), { maxLength: 4 }),
  sectors: fc.array(fc.nat(255), { maxLength: 8 }),
});

const anyLayer: fc.Arbitrary<LayerCase> = fc.record({
  sizeBytes: fc.constantFrom(6 * MIB, 6 * MIB, 5 * MIB + 4096, 8 * MIB - 4096),
  blockBytes: fc.constantFrom(MIB, MIB, 2 * MIB),
  blocks: fc.array(anyBlock, { maxLength: 6 }),
});

/** Whose data a sector has: the number of a layer (the base is 0), and where; -1 for zeros, -2 where nothing is known. */
type Model = { layer: number; fileOffset: number }[];

interface Made extends IndexedLayer {
  readonly bits: ReadonlyMap<number, Bitmap>;
}

/** The tables of a layer on a file in memory, laid over the model. */
function makeLayer(shape: LayerCase, layer: number, sectorBytes: number, model: Model): Made {
  const { sizeBytes, blockBytes } = shape;
  const geometry = geometryOf({
    sizeBytes,
    blockBytes,
    logicalSectorBytes: sectorBytes,
    hasParent: layer > 0,
  });
  const file = new MemoryFile(`layer${layer}`);
  const table = new BlockTable(geometry.blockCount);
  const bits = new Map<number, Bitmap>();
  const chunk = new Uint8Array(MIB);
  let endMb = 5;
  for (let sector = sizeBytes / sectorBytes; sector < model.length; sector++) {
    model[sector] = { layer: -1, fileOffset: 0 };
  }
  for (const { block, state, ranges, sectors } of shape.blocks) {
    if (block >= geometry.blockCount || table.state(block) !== 0) continue;
    const own = new Bitmap(geometry.sectorsPerBlock);
    if (state === PARTIAL && layer > 0) {
      const grain = geometry.sectorsPerBlock / 64;
      for (const [start, length] of ranges) own.setRange(start * grain, Math.min(64, start + length) * grain);
      for (const sector of sectors) own.setRange(sector % own.length, (sector % own.length) + 1);
      bits.set(block, own);
      chunk.set(own.bytes(), block * geometry.bitmapBytesPerBlock);
    } else own.setRange(0, own.length);
    const present = state >= FULL;
    table.set(block, present && layer === 0 ? FULL : state, present ? endMb : 0);
    for (const { start, end } of own.runs()) {
      for (let i = start; i < end; i++) {
        const sector = block * geometry.sectorsPerBlock + i;
        if (sector * sectorBytes >= sizeBytes) break;
        model[sector] = {
          layer: present ? layer : -1,
          fileOffset: present ? endMb * MIB + i * sectorBytes : 0,
        };
      }
    }
    endMb += blockBytes / MIB;
  }
  file.writeAt(chunk, 0, MIB, endMb * MIB);
  return { file, geometry, table, bitmapMb: new Map([[0, endMb]]), bits };
}

/** Checks that the runs of a range say what the model says. */
class Judge implements RunVisitor {
  readonly #model: Model;
  readonly #files: readonly BlockFile[];
  readonly #sectorBytes: number;
  end = 0;

  constructor(model: Model, files: readonly BlockFile[], sectorBytes: number) {
    this.#model = model;
    this.#files = files;
    this.#sectorBytes = sectorBytes;
  }

  data(file: BlockFile, fileOffset: number, at: number, length: number): void {
    const layer = this.#files.indexOf(file);
    this.#check(at, length, (done) => ({ layer, fileOffset: fileOffset + done }));
  }

  zeros(at: number, length: number): void {
    this.#check(at, length, () => ({ layer: -1, fileOffset: 0 }));
  }

  #check(at: number, length: number, said: (done: number) => Model[number]): void {
    if (at !== this.end || length <= 0) throw new Error(`a run begins at ${at} instead of ${this.end}`);
    for (let done = 0; done < length;) {
      const sector = Math.floor((at + done) / this.#sectorBytes);
      const within = at + done - sector * this.#sectorBytes;
      const { layer, fileOffset } = this.#model[sector];
      const told = said(done);
      if (told.layer !== layer || (layer >= 0 && told.fileOffset !== fileOffset + within)) {
        throw new Error(
          `sector ${sector}: ${JSON.stringify(told)} instead of ${layer}, ${fileOffset + within}`,
        );
      }
      done += this.#sectorBytes - within;
    }
    this.end = at + length;
  }
}

describe('the index of a chain', () => {
  it('says of every sector where it is, however little it may remember, and while layers are put on top', () => {
    const run = fc.record({
      layers: fc.array(anyLayer, { maxLength: 10 }),
      openedCount: fc.nat(10),
      sectorBytes: fc.constantFrom(512, 4096),
      limitBytes: fc.constantFrom(0, 20_000, GIB),
      range: fc.tuple(fc.nat(6 * MIB - 1), fc.nat(3 * MIB)),
    });
    fc.assert(
      fc.property(run, ({ layers, openedCount, sectorBytes, limitBytes, range: [offset, length] }) => {
        const model: Model = Array.from({ length: (8 * MIB) / sectorBytes }, () => ({
          layer: -1,
          fileOffset: 0,
        }));
        const made: Made[] = [];
        const put = (shape: LayerCase) => {
          made.push(makeLayer(shape, made.length, sectorBytes, model));
          return made.at(-1)!;
        };
        const opened = layers.slice(0, openedCount).map(put);
        const index = new ChainIndex(opened.toReversed(), sectorBytes, limitBytes);
        const check = () => {
          const sizeBytes = made.at(-1)?.geometry.sizeBytes ?? 6 * MIB;
          const files = made.map(({ file }) => file);
          for (const [from, to] of [
            [offset, Math.min(sizeBytes, offset + length)],
            [0, sizeBytes],
          ]) {
            if (from >= to) continue;
            const judge = new Judge(model, files, sectorBytes);
            judge.end = from;
            index.runs(from, to - from, from, judge);
            expect(judge.end).toBe(to);
          }
        };
        check();
        for (const shape of layers.slice(openedCount)) {
          const layer = put(shape);
          index.absorb(layer, layer.bits);
          check();
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('whole gigabytes', () => {
  const fill = fc.record({
    state: fc.constantFrom(0, 1, ZERO, FULL, FULL),
    first: fc.nat(4200),
    count: fc.oneof(fc.nat(40), fc.constantFrom(1024, 2048, 4200)),
    fileMb: fc.nat(10_000),
  });
  const layer = fc.record({
    sizeMb: fc.constantFrom(4096, 4096, 3000, 2048, 4100),
    blockMb: fc.constantFrom(1, 4, 32),
    fills: fc.array(fill, { maxLength: 3 }),
  });

  it('are found in one place or in many, whatever lies where, and nothing behind the end of the disk', () => {
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 4 }), fc.nat(3), (shapes, absorbedCount) => {
        // For every megabyte: the layer and the megabyte of its file, or nothing.
        let model = new Array<string | undefined>(5 * 1024).fill(undefined);
        const files: BlockFile[] = [];
        const layers = shapes.map(({ sizeMb, blockMb, fills }, number) => {
          const file = new MemoryFile(`layer${number}`);
          files.push(file);
          const shape = { sizeBytes: sizeMb * MIB, blockBytes: blockMb * MIB, logicalSectorBytes: 512 };
          const geometry = geometryOf({ ...shape, hasParent: number > 0 });
          const table = new BlockTable(geometry.blockCount);
          model = model.map((place, unit) => (unit < sizeMb ? place : undefined));
          for (const { state, first, count, fileMb } of fills) {
            const block = Math.min(Math.floor(first / blockMb), geometry.blockCount - 1);
            const blocks = Math.min(Math.ceil((count + 1) / blockMb), geometry.blockCount - block);
            if (state === FULL) table.fill(block, blocks, FULL, fileMb, blockMb);
            else table.fill(block, blocks, state, 0, 0);
          }
          for (let unit = 0; unit < sizeMb; unit++) {
            const block = Math.floor(unit / blockMb);
            if (table.state(block) === 0) continue;
            const place = table.fileMb(block) + (unit % blockMb);
            model[unit] = table.state(block) === FULL ? `${number}:${place}` : undefined;
          }
          return { file, geometry, table, bitmapMb: new Map<number, number>() };
        });
        const opened = layers.slice(0, Math.max(0, layers.length - absorbedCount));
        const index = new ChainIndex(opened.toReversed(), 512);
        for (const late of layers.slice(opened.length)) {
          index.runs(0, 4096 * MIB, 0, nobody);
          index.absorb(late, new Map());
        }
        const found = new Array<string | undefined>(5 * 1024).fill('nothing was said');
        const each = (at: number, length: number, place: (unit: number) => string | undefined) => {
          for (let unit = at / MIB; unit < (at + length) / MIB; unit++) found[unit] = place(unit);
        };
        index.runs(0, 5 * GIB, 0, {
          zeros: (at, length) => each(at, length, () => undefined),
          data: (file, fileOffset, at, length) =>
            each(at, length, (unit) => `${files.indexOf(file)}:${(fileOffset - at) / MIB + unit}`),
        });
        expect(found).toEqual(model);
      }),
      { numRuns: 150 },
    );
  });
});

/** A disk of which every sector comes from another layer than the one before it, round and round. */
function alternating(layerCount: number, sizeBytes: number): IndexedLayer[] {
  const geometry = geometryOf({ sizeBytes, blockBytes: MIB, logicalSectorBytes: 512, hasParent: true });
  const bitmapMb = new Map(Array.from({ length: geometry.chunkCount }, (_, chunk) => [chunk, 1] as const));
  return Array.from({ length: layerCount }, (_, layer) => {
    const bits = new Bitmap(2048);
    for (let sector = layer; sector < 2048; sector += layerCount) bits.setRange(sector, sector + 1);
    const file = new MemoryFile();
    file.readAt = (target) => target.set(bits.bytes().subarray(0, target.length));
    const table = new BlockTable(geometry.blockCount);
    table.fill(0, geometry.blockCount, PARTIAL, 10, 1);
    return { file, geometry, table, bitmapMb };
  });
}

const nobody: RunVisitor = { data: () => undefined, zeros: () => undefined };

/** What an index takes once a whole disk was looked at. */
function indexBytes(layers: readonly IndexedLayer[], sizeBytes: number, limitBytes?: number): number {
  const { bytes, kept } = arrayBytesOf(() => {
    const index = new ChainIndex(layers, 512, limitBytes);
    index.runs(0, sizeBytes, 0, nobody);
    return index;
  });
  // What the index says of itself, and its scratch space.
  expect(bytes).toBeLessThan(kept.bytes + 64 * 1024);
  expect(bytes).toBeGreaterThan(kept.bytes);
  return bytes;
}

describe('the memory of an index, every sector from another layer', () => {
  // A gigabyte's array may be half as large again as what is in it.
  const slack = 1.5;

  it('is 276 KiB for a GiB where two layers alternate', () => {
    const bytes = indexBytes(alternating(2, GIB), GIB);
    expect(bytes).toBeGreaterThan(1024 * 276);
    expect(bytes).toBeLessThan(slack * 1024 * 276 + 128 * 1024);
  });

  it('is 4.1 MiB for a GiB where 256 layers do', () => {
    const bytes = indexBytes(alternating(256, GIB), GIB);
    expect(bytes).toBeGreaterThan(4 * MIB);
    expect(bytes).toBeLessThan(slack * 4.1 * MIB);
  });

  it('never passes its limit by more than the gigabyte at hand', () => {
    const limitBytes = MIB / 2;
    const bytes = indexBytes(alternating(2, 8 * GIB), 8 * GIB, limitBytes);
    // Without a limit it would be 2.2 MiB at least.
    expect(bytes).toBeLessThan(limitBytes + slack * 1024 * 276 + 128 * 1024);
  });
});

describe('a chain of 200 layers', () => {
  it('is read with as many calls as a single layer, once it is indexed', () => {
    const layers = alternating(200, 16 * MIB);
    const calls = { count: 0 };
    for (const { file } of layers) {
      const readAt = file.readAt.bind(file);
      file.readAt = (...args) => {
        calls.count++;
        readAt(...args);
      };
    }
    const index = new ChainIndex(layers, 512);
    const gather = new Gather();
    const page = Buffer.alloc(512);
    gather.read(index, page, 5 * MIB);
    // One read of bits a layer, and the sector itself.
    expect(calls.count).toBe(201);
    calls.count = 0;
    for (let sector = 0; sector < 2048; sector++) gather.read(index, page, 5 * MIB + sector * 512);
    expect(calls.count).toBe(2048);
  });
});
