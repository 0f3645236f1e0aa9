import fc from 'fast-check';
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Progress } from '../../src/base/events.ts';
import { copyAhead } from '../../src/convert/copy.ts';
import { PIECE_BYTES } from '../../src/convert/pieces.ts';
import { rawSource, type CopySource, type DataRange } from '../../src/convert/source.ts';
import { openTarget, type CopyTarget } from '../../src/convert/target.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { allocatedBytes, MIB, pattern, scratchFolder } from '../vhdx/scratch.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

interface Stretch {
  readonly gap: number;
  readonly length: number;
  readonly seed: number;
}

/** A disk in memory that tells where its data are; some of them are zeros. */
function memorySource(stretches: readonly Stretch[], tail: number) {
  let end = 0;
  const data: DataRange[] = [];
  const file: MemoryFile & { readLater?: typeof readLater } = new MemoryFile();
  const readLater = async (...[target, at, length, from]: Parameters<MemoryFile['readAt']>) => {
    await new Promise((resolve) => setImmediate(resolve));
    file.readAt(target, at, length, from);
  };
  file.readLater = readLater;
  for (const { gap, length, seed } of stretches) {
    const offset = end + gap;
    const bytes = Buffer.alloc(length, seed % 5 === 0 ? 0 : pattern(5000, seed));
    if (seed % 3 === 0) bytes.fill(0, Math.floor(length / 4), Math.floor(length / 2));
    file.writeAt(bytes, 0, length, offset);
    data.push({ offset, length, file, fileOffset: offset });
    end = offset + length;
  }
  file.truncate(end + tail);
  const source: CopySource = {
    sizeBytes: end + tail,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    data: () => data,
    read: (target, offset) => file.readAt(target, 0, target.length, offset),
    close: () => undefined,
  };
  const model = Buffer.alloc(end + tail);
  file.readAt(model, 0, model.length, 0);
  return { source, model };
}

/** A target in memory that does not like to be written backwards. */
function memoryTarget(sizeBytes: number, storesZeros: boolean) {
  const written = Buffer.alloc(sizeBytes);
  const known = Buffer.alloc(sizeBytes);
  let last = 0;
  const put = (offset: number, length: number) => {
    expect(offset).toBeGreaterThanOrEqual(last);
    last = offset + length;
    known.fill(1, offset, last);
  };
  const target: CopyTarget = {
    write: (source, offset) => {
      put(offset, source.length);
      written.set(source, offset);
    },
    ...(storesZeros && { zero: (offset: number, length: number) => put(offset, length) }),
    seal: () => undefined,
    close: () => undefined,
  };
  return { target, written, isEverythingKnown: () => known.every((byte) => byte === 1) };
}

const stretches = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3 * PIECE_BYTES })),
    length: fc.oneof(fc.constantFrom(512, 65536, PIECE_BYTES), fc.integer({ min: 1, max: 2 * PIECE_BYTES })),
    seed: fc.nat(100),
  }),
  { maxLength: 6 },
);

describe('a copy', () => {
  test('holds what the source holds, and is written from front to back', async () => {
    await fc.assert(
      fc.asyncProperty(stretches, fc.nat(MIB), fc.boolean(), async (list, tail, storesZeros) => {
        const { source, model } = memorySource(list, tail);
        const { target, written, isEverythingKnown } = memoryTarget(model.length, storesZeros);
        await copyAhead(source, target, quiet);
        expect(written.equals(model)).toBe(true);
        if (storesZeros) expect(isEverythingKnown()).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('has no zeros that it need not have', async () => {
    const { source } = memorySource([{ gap: 0, length: 4 * MIB, seed: 5 }], 0);
    const { target } = memoryTarget(4 * MIB, false);
    const write = vi.spyOn(target, 'write');
    await copyAhead(source, target, quiet);
    expect(write).not.toHaveBeenCalled();
  });

  test('tells how far it is, and never goes back', async () => {
    const { source, model } = memorySource([{ gap: 70 * MIB, length: 40 * MIB, seed: 1 }], 20 * MIB);
    const told: Progress[] = [];
    const io = { ...quiet, onProgress: (progress: Progress) => void told.push(progress) };
    await copyAhead(source, memoryTarget(model.length, true).target, io);
    expect(told.length).toBeGreaterThan(3);
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b));
    expect(told.at(-1)).toEqual({ done: model.length, total: model.length, unit: 'bytes' });
  });

  test.each([false, true])('stops when it is told to (zeros stored: %s)', async (storesZeros) => {
    const { source, model } = memorySource([{ gap: 40 * MIB, length: 80 * MIB, seed: 1 }], 80 * MIB);
    const controller = new AbortController();
    const { target } = memoryTarget(model.length, storesZeros);
    const io = {
      signal: controller.signal,
      onProgress: ({ done }: Progress) => {
        expect(done).toBeLessThan(100 * MIB);
        controller.abort();
      },
    };
    await expect(copyAhead(source, target, io)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('that cannot be read or written ends when no read is under way any more', async () => {
    const { source, model } = memorySource([{ gap: 0, length: 20 * MIB, seed: 1 }], 0);
    const [{ file }] = [...source.data()];
    let underWay = 0;
    const broken = { at: 6 * MIB };
    file.readLater = async (target, at, length, fileOffset) => {
      underWay++;
      try {
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (fileOffset === broken.at) throw new Error('broken');
        file.readAt(target, at, length, fileOffset);
      } finally {
        underWay--;
      }
    };
    const { target } = memoryTarget(model.length, false);
    await expect(copyAhead(source, target, quiet)).rejects.toThrow('broken');
    expect(underWay).toBe(0);
    broken.at = -1;
    const full = {
      ...target,
      write: () => {
        throw new Error('full');
      },
    };
    await expect(copyAhead(source, full, quiet)).rejects.toThrow('full');
    expect(underWay).toBe(0);
  });
});

describe('a raw disk', () => {
  test('that does not end with a whole sector is filled up with zeros', async () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'ragged.raw');
    const fd = openSync(file, 'w');
    writeSync(fd, pattern(3 * MIB + 700, 1));
    closeSync(fd);
    const source = await rawSource(file);
    const target = openTarget(path.join(folder, 'copy.raw'), source, { format: 'raw' });
    await copyAhead(source, target, quiet);
    target.close();
    source.close();
    const copy = readFileSync(path.join(folder, 'copy.raw'));
    expect(copy.length).toBe(3 * MIB + 1024);
    expect(copy.subarray(0, 3 * MIB + 700).equals(pattern(3 * MIB + 700, 1))).toBe(true);
    expect(copy.subarray(3 * MIB + 700).every((byte) => byte === 0)).toBe(true);
  });

  test.each([false, true])('takes the space of its zeros only when it is fixed (%s)', async (isFixed) => {
    const folder = scratchFolder();
    const { source } = memorySource([{ gap: 8 * MIB, length: MIB, seed: 1 }], 8 * MIB);
    const file = path.join(folder, 'copy.raw');
    const target = openTarget(file, source, { format: 'raw', isFixed });
    await copyAhead(source, target, quiet);
    target.close();
    expect(statSync(file).size).toBe(17 * MIB);
    if (isFixed) expect(allocatedBytes(file)).toBeGreaterThanOrEqual(17 * MIB);
    else expect(allocatedBytes(file)).toBeLessThan(2 * MIB);
  });
});
