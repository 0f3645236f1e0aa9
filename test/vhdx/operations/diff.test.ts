import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { rawSource, vhdxSource, type CopySource } from '../../../src/convert/source.ts';
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { diffDisks, type DiffRange, type LocatedDisk } from '../../../src/vhdx/operations/diff.ts';
import { createDisk, openSandbox } from '../../../src/vhdx/sandbox.ts';
import { has, testWith } from '../../support/needs.ts';
import { anyChain, makeChain, type ChainPlan } from '../random-chain.ts';
import { MIB, pattern, scratchFolder } from '../scratch.ts';

const SECTOR = 512;

async function diffOf(a: string | readonly string[], b: string | readonly string[]): Promise<DiffRange[]> {
  const [left, right] = [await open(a), await open(b)];
  const ranges = await collect(diffDisks(left, right));
  left.close();
  right.close();
  return ranges;
}

function open(side: string | readonly string[]): Promise<CopySource> {
  const isRaw = typeof side === 'string' && side.endsWith('.raw');
  return isRaw ? rawSource(side) : Promise.resolve(vhdxSource(side));
}

async function collect(ranges: AsyncIterable<DiffRange>): Promise<DiffRange[]> {
  const all: DiffRange[] = [];
  for await (const range of ranges) all.push(range);
  return all;
}

/** The plain answer: sector by sector, both disks continued with zeros. */
function plainDiff(a: Buffer, b: Buffer): DiffRange[] {
  const size = Math.ceil(Math.max(a.length, b.length) / SECTOR) * SECTOR;
  const [left, right] = [a, b].map((bytes) => Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]));
  const ranges: { offset: number; length: number }[] = [];
  for (let at = 0; at < size; at += SECTOR) {
    const end = at + SECTOR;
    if (left.compare(right, at, end, at, end) === 0) continue;
    const last = ranges.at(-1);
    if (last && last.offset + last.length === at) last.length += end - at;
    else ranges.push({ offset: at, length: end - at });
  }
  return ranges;
}

/** What `qemu-img compare` says: true for equal. */
function qemuSaysEqual(a: string, b: string): boolean {
  const format = (file: string) => (file.endsWith('.raw') ? 'raw' : 'vhdx');
  const { status, stdout } = spawnSync('qemu-img', ['compare', '-f', format(a), '-F', format(b), a, b], {
    encoding: 'utf8',
  });
  expect(status, stdout).toBeLessThan(2);
  return status === 0;
}

describe('the difference of two disks', () => {
  it('is what a plain comparison finds, and qemu-img, whatever they share', async () => {
    const anyPair = fc.record({
      base: anyChain(3),
      one: anyChain(3),
      two: fc.option(anyChain(3), { nil: undefined }),
      isShared: fc.boolean(),
      raw: fc.constantFrom('none', 'as it is', 'changed', 'longer', 'shorter'),
      at: fc.nat(5 * MIB),
    });
    await fc.assert(
      fc.asyncProperty(anyPair, async ({ base, one, two, isShared, raw, at }) => {
        const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-diff-'));
        try {
          const shared = isShared ? makeChain(folder, 'shared', base) : undefined;
          const on = (plan: ChainPlan): ChainPlan =>
            shared ? { ...plan, logicalSectorBytes: base.logicalSectorBytes } : plan;
          const left = makeChain(folder, 'one', on(one), shared);
          const right = two ? makeChain(folder, 'two', on(two), shared) : left;
          expect(await diffOf(left.paths, right.paths)).toEqual(plainDiff(left.model, right.model));
          if (raw === 'none') return;
          const bytes =
            raw === 'longer'
              ? Buffer.concat([left.model, pattern(1000, at).fill(0, 0, at % 1000)])
              : Buffer.from(raw === 'shorter' ? left.model.subarray(0, at) : left.model);
          if (raw === 'changed') bytes[at] ^= 1;
          const rawFile = path.join(folder, 'side.raw');
          fs.writeFileSync(rawFile, bytes);
          const ranges = await diffOf(left.paths[0], rawFile);
          expect(ranges).toEqual(plainDiff(left.model, bytes));
          expect(await diffOf(rawFile, left.paths)).toEqual(ranges);
          if (!has('qemu-img') || left.paths.length > 1 || one.logicalSectorBytes !== SECTOR) return;
          expect(qemuSaysEqual(left.paths[0], rawFile)).toBe(ranges.length === 0);
        } finally {
          fs.rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 25 },
    );
  });

  it('of disks that share a base is found without reading the base', async () => {
    const folder = scratchFolder();
    const at = (name: string) => path.join(folder, name);
    const base = createDisk(at('base.vhdx'), { sizeBytes: 64 * MIB });
    base.write(pattern(32 * MIB, 1), 0);
    base.seal();
    base.close();
    fs.linkSync(at('base.vhdx'), at('same-file.vhdx'));
    createChild(at('a.vhdx'), at('base.vhdx'));
    const disk = openSandbox({ chain: at('same-file.vhdx'), sandboxPath: at('b.vhdx') });
    disk.write(pattern(4096, 2), 5 * MIB);
    // The same bytes again, and zeros where zeros were: stored, but no difference.
    disk.write(pattern(32 * MIB, 1).subarray(7 * MIB, 7 * MIB + 4096), 7 * MIB);
    disk.write(pattern(8192, 3), 40 * MIB);
    disk.zero(40 * MIB, 4096);
    disk.seal();
    disk.close();
    const sides = [vhdxSource(at('a.vhdx')), vhdxSource(at('b.vhdx'))];
    const read = sides.map(bytesRead);
    const ranges = await collect(diffDisks(sides[0], sides[1]));
    expect(ranges).toEqual([
      { offset: 5 * MIB, length: 4096 },
      { offset: 40 * MIB + 4096, length: 4096 },
    ]);
    // Only where the two take from different places, and bitmaps: 256 bytes a megabyte.
    expect(read[0]()).toBe(2 * 4096);
    expect(read[1]()).toBeLessThan(3 * 4096 + 64 * 256);
    for (const side of sides) side.close();
  });

  it('stops when it is told to, and says how far it is', async () => {
    const [a, b] = [slowDisk(), slowDisk()];
    const told: number[] = [];
    const onProgress = ({ done, total }: { done: number; total?: number }) => {
      expect(total).toBe(8 * MIB);
      told.push(done);
    };
    await collect(diffDisks(a, b, { onProgress }));
    expect(told.length).toBeGreaterThan(1);
    expect(told.at(-1)).toBe(8 * MIB);
    const stopped = collect(diffDisks(a, b, { signal: AbortSignal.abort() }));
    await expect(stopped).rejects.toThrow('aborted');
  });
});

testWith(['qemu-img'], 'sizes that differ count as qemu-img counts them', async () => {
  const folder = scratchFolder();
  const file = (name: string, bytes: Buffer) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return path.join(folder, name);
  };
  const short = file('short.raw', pattern(MIB, 1));
  const zeros = file('zeros.raw', Buffer.concat([pattern(MIB, 1), Buffer.alloc(MIB)]));
  const more = file('more.raw', Buffer.concat([pattern(MIB, 1), Buffer.alloc(MIB - 1), Buffer.of(1)]));
  execFileSync('qemu-img', ['create', '-q', '-f', 'vhdx', path.join(folder, 'none.vhdx'), '2M']);
  const none = path.join(folder, 'none.vhdx');
  for (const [a, b] of [
    [short, zeros],
    [zeros, short],
    [short, more],
    [more, zeros],
    [zeros, none],
    [none, short],
  ]) {
    expect((await diffOf(a, b)).length === 0, `${a} ${b}`).toBe(qemuSaysEqual(a, b));
  }
  expect(await diffOf(zeros, more)).toEqual([{ offset: 2 * MIB - 512, length: 512 }]);
});

/** 8 MiB that take their time. */
function slowDisk(): LocatedDisk {
  const file = new MemoryFile();
  return {
    sizeBytes: 8 * MIB,
    data: () => [{ offset: 0, length: 8 * MIB, file, fileOffset: 0 }],
    read(target) {
      const endMs = performance.now() + 20;
      while (performance.now() < endMs);
      target.fill(1);
    },
  };
}

/** Counts what is read of the files of a disk from now on. */
function bytesRead(disk: CopySource): () => number {
  let count = 0;
  const files = new Set<BlockFile>();
  for (const { file } of disk.data()) files.add(file);
  for (const file of files) {
    const readAt = file.readAt.bind(file);
    file.readAt = (target, at, length, fileOffset) => {
      count += length;
      readAt(target, at, length, fileOffset);
    };
  }
  return () => count;
}
