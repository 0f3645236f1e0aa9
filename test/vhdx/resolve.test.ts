import fc from 'fast-check';
import fs from 'node:fs';
import path from 'node:path';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { openChain, type ChainDisk } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import type { Layer } from '../../src/vhdx/layer.ts';
import { resolveLayer, type ChainRange, type LayerRange } from '../../src/vhdx/resolve.ts';
import { openSandbox } from '../../src/vhdx/sandbox.ts';
import { anyChain, makeChain } from './random-chain.ts';
import { GIB, MIB, pattern, scratchFolder } from './scratch.ts';

/** The disk, put together from what the ranges say and nothing else. */
function fromRanges(chain: ChainDisk): Buffer {
  const disk = Buffer.alloc(chain.sizeBytes, 0xee);
  for (const range of chain.resolve()) {
    const part = disk.subarray(range.offset, range.offset + range.length);
    if (range.kind === 'zero') part.fill(0);
    else copyFrom(chain.layers[range.depth], range.fileOffset, part);
  }
  return disk;
}

/** The same from the ranges of every file alone, the base first. */
function fromLayers(layers: readonly Layer[]): Buffer {
  let disk = Buffer.alloc(0);
  for (const layer of layers.toReversed()) {
    const next = Buffer.alloc(layer.geometry.sizeBytes);
    disk.copy(next);
    disk = next;
    for (const range of resolveLayer(layer)) {
      const part = disk.subarray(range.offset, range.offset + range.length);
      if (range.kind === 'zero') part.fill(0);
      else if (range.kind === 'data') copyFrom(layer, range.fileOffset, part);
    }
  }
  return disk;
}

function copyFrom(layer: Layer, fileOffset: number, part: Buffer): void {
  const fd = fs.openSync(layer.path, 'r');
  fs.readSync(fd, part, 0, part.length, fileOffset);
  fs.closeSync(fd);
}

/** Ranges cover from `offset` on without a gap, and no two neighbours could be one. */
function expectTidy(ranges: readonly (LayerRange | ChainRange)[], offset: number, end: number): void {
  let at = offset;
  for (const [i, range] of ranges.entries()) {
    if (range.offset !== at || range.length <= 0) expect(range).toBe(`a range at ${at}`);
    at += range.length;
    const next = ranges[i + 1];
    if (next === undefined || next.kind !== range.kind) continue;
    const goesOn =
      range.kind !== 'data' ||
      (next.kind === 'data' &&
        range.fileOffset + range.length === next.fileOffset &&
        ('depth' in range ? range.depth : 0) === ('depth' in next ? next.depth : 0));
    if (goesOn) expect([range, next]).toBe('one range');
  }
  expect(at).toBe(end);
}

describe('resolving', () => {
  it('says of every byte of random chains where it is, alone and together, in part and as a whole', () => {
    fc.assert(
      fc.property(anyChain(), fc.nat(5 * MIB), fc.nat(MIB), (plan, offset, length) => {
        const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-resolve-'));
        try {
          const { paths, model } = makeChain(folder, 'layer', plan);
          const chain = openChain(paths);
          expect(fromRanges(chain).equals(model)).toBe(true);
          expect(fromLayers(chain.layers).equals(model)).toBe(true);
          expectTidy([...chain.resolve()], 0, chain.sizeBytes);
          const from = Math.min(offset, chain.sizeBytes);
          const count = Math.min(length, chain.sizeBytes - from);
          expectTidy([...chain.resolve(from, count)], from, from + count);
          for (const layer of chain.layers) expectTidy([...resolveLayer(layer)], 0, layer.geometry.sizeBytes);
          chain.close();
        } finally {
          fs.rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('reads nothing but sector bitmaps', () => {
    const folder = scratchFolder();
    const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
    createVhdx(base, { sizeBytes: 16 * MIB });
    const disk = openSandbox({ chain: base, sandboxPath: child });
    disk.write(pattern(3 * MIB, 1), MIB / 2);
    disk.seal();
    disk.close();
    const chain = openChain(child);
    const reads: [path: string, fileOffset: number, length: number][] = [];
    for (const { file } of chain.layers) {
      const readAt = file.readAt.bind(file);
      file.readAt = (target, at, length, fileOffset) => {
        reads.push([path.basename(file.path), fileOffset, length]);
        readAt(target, at, length, fileOffset);
      };
    }
    expect([...chain.resolve()]).toEqual([
      { kind: 'zero', offset: 0, length: MIB / 2 },
      { kind: 'data', offset: MIB / 2, length: 3 * MIB, depth: 0, fileOffset: 4.5 * MIB },
      { kind: 'zero', offset: 3.5 * MIB, length: 12.5 * MIB },
    ]);
    expect([...resolveLayer(chain.layers[0], 0, 2 * MIB)]).toEqual([
      { kind: 'parent', offset: 0, length: MIB / 2 },
      { kind: 'data', offset: MIB / 2, length: 1.5 * MIB, fileOffset: 4.5 * MIB },
    ]);
    const bitmaps = chain.layers[0].bitmapMb.get(0)! * MIB;
    for (const [file, fileOffset, length] of reads) {
      expect(file).toBe('child.vhdx');
      expect(fileOffset).toBeGreaterThanOrEqual(bitmaps);
      expect(fileOffset + length).toBeLessThanOrEqual(bitmaps + MIB);
    }
    chain.close();
  });

  it('of an empty difference on the largest disk is one range', () => {
    const folder = scratchFolder();
    const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
    const sizeBytes = 64 * 1024 * GIB;
    createVhdx(base, { sizeBytes, blockBytes: 32 * MIB });
    createChild(child, base, { blockBytes: 32 * MIB });
    const chain = openChain(child);
    expect([...chain.resolve()]).toEqual([{ kind: 'zero', offset: 0, length: sizeBytes }]);
    expect([...resolveLayer(chain.layers[0])]).toEqual([{ kind: 'parent', offset: 0, length: sizeBytes }]);
    expect([...resolveLayer(chain.layers[1])]).toEqual([{ kind: 'zero', offset: 0, length: sizeBytes }]);
    expect([...chain.resolve(MIB, 0)]).toEqual([]);
    expect(() => chain.resolve(MIB, sizeBytes)).toThrow('do not lie on a disk');
    expect(() => resolveLayer(chain.layers[0], sizeBytes + 1)).toThrow('do not lie on a disk');
    chain.close();
  });
});
