/** Real layers, taken apart into blobs and put together again. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLayer } from '../../src/blob/check-layer.ts';
import { checkForm } from '../../src/blob/form.ts';
import { FRAME_BYTES } from '../../src/blob/frames.ts';
import { planParts } from '../../src/blob/parts.ts';
import { createVhdx } from '../../src/vhdx/create.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { describeWith } from '../support/needs.ts';
import {
  allocatedBytes,
  isSameFile,
  makeChain,
  MIB,
  noise,
  packLayer,
  scratchFolder,
  TINY,
  unpackLayer,
} from './scratch.ts';

describe('a layer', () => {
  it.each([
    ['whole', {}],
    ['cut into head and windows', TINY],
    ['cut at every block', { cutLimitBytes: 0, windowBytes: MIB }],
    ['cut into head and one window', { cutLimitBytes: 0 }],
  ])('%s comes back byte for byte, its holes too', async (_, sizes) => {
    for (const file of Object.values(makeChain(scratchFolder()))) {
      const packed = await packLayer(file, sizes);
      const copy = `${file}.copy`;
      await unpackLayer(packed, copy, 'windowBytes' in sizes ? sizes.windowBytes : undefined);
      expect(isSameFile(file, copy)).toBe(true);
      expect(allocatedBytes(copy)).toBeLessThanOrEqual(allocatedBytes(file) + 64 * 1024);
    }
  });

  it('of any content comes back byte for byte', async () => {
    const change = fc.record({
      offset: fc.nat((8 * MIB) / 512 - 1).map((sector) => sector * 512),
      length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4000 })),
      seed: fc.nat(1000),
      isZero: fc.boolean(),
    });
    const layers = fc.tuple(fc.array(change, { maxLength: 8 }), fc.array(change, { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(layers, fc.constantFrom(1, 2, 4, 8), async ([base, child], windowMb) => {
        const folder = scratchFolder();
        const files = [path.join(folder, 'base.vhdx'), path.join(folder, 'child.vhdx')];
        const disk = createDisk(files[0], { sizeBytes: 8 * MIB });
        for (const [layer, changes] of [base, child].entries()) {
          for (const { offset, length, seed, isZero } of changes) {
            const bytes = Math.min(length * 512, 8 * MIB - offset);
            if (isZero) disk.zero(offset, bytes);
            else disk.write(noise(bytes, seed), offset);
          }
          disk.seal(layer === 0 ? files[1] : undefined);
        }
        disk.close();
        for (const file of files) {
          const packed = await packLayer(file, { cutLimitBytes: 0, windowBytes: windowMb * MIB });
          await unpackLayer(packed, `${file}.copy`, windowMb * MIB);
          expect(isSameFile(file, `${file}.copy`)).toBe(true);
        }
        fs.rmSync(folder, { recursive: true });
      }),
      { numRuns: 12 },
    );
  });

  it('whose file has bytes that nothing points at keeps them', async () => {
    const { child } = makeChain(scratchFolder());
    fs.appendFileSync(child, noise(3 * MIB + 777, 9));
    await unpackLayer(await packLayer(child, TINY), `${child}.copy`, TINY.windowBytes);
    expect(isSameFile(child, `${child}.copy`)).toBe(true);
  });

  it('without any data is a head alone', async () => {
    const file = path.join(scratchFolder(), 'empty.vhdx');
    createVhdx(file, { sizeBytes: 64 * 1024 * MIB });
    const packed = await packLayer(file, TINY);
    expect(packed.form.blobs.map(({ kind }) => kind)).toEqual(['head']);
    expect(packed.form.blobs[0].sizeBytes).toBeLessThan(4096);
    await unpackLayer(packed, `${file}.copy`, TINY.windowBytes);
    expect(isSameFile(file, `${file}.copy`)).toBe(true);
    expect(allocatedBytes(`${file}.copy`)).toBeLessThan(128 * 1024);
  });

  it('is cut above the limit only', () => {
    const { base } = makeChain(scratchFolder());
    const { size } = fs.statSync(base);
    expect(planParts(base, { cutLimitBytes: size })).toHaveLength(1);
    expect(planParts(base, { cutLimitBytes: size - 1 })[0].kind).toBe('head');
    expect(planParts(base)).toEqual([
      { kind: 'whole', extents: [{ fileOffset: 0, length: size }], contentBytes: size },
    ]);
  });

  it('that came back is accepted on its parent', async () => {
    const folder = scratchFolder();
    const { base, child } = makeChain(folder);
    const there = scratchFolder();
    for (const file of [base, child]) {
      const copy = path.join(there, path.basename(file));
      await unpackLayer(await packLayer(file, TINY), copy, TINY.windowBytes);
    }
    const parentPath = path.join(there, path.basename(base));
    checkLayer(path.join(there, path.basename(child)), { id: 'child', parentId: 'base', parentPath });
    checkLayer(parentPath, { id: 'base' });
  });
});

describe('the blobs of a layer', () => {
  it('are the same every time, and fit together', async () => {
    const { child } = makeChain(scratchFolder());
    const [one, other] = [await packLayer(child, TINY), await packLayer(child, TINY)];
    expect(one.form).toEqual(other.form);
    checkForm(one.form, TINY.windowBytes);
    checkForm((await packLayer(child)).form);
  });

  it('are another form of the same layer at another level', async () => {
    const { child } = makeChain(scratchFolder());
    const one = await packLayer(child, TINY, { level: 1 });
    const other = await packLayer(child, TINY, { level: 9 });
    expect(one.form.digest).toBe(other.form.digest);
    expect(one.form.blobs[0].digest).not.toBe(other.form.blobs[0].digest);
  });

  it('are shared by files that hold the same blocks in another order', async () => {
    const folder = scratchFolder();
    const fill = (name: string, order: readonly number[]): string => {
      const file = path.join(folder, name);
      const disk = createDisk(file, { sizeBytes: 16 * MIB });
      for (const block of order) disk.write(noise(MIB, block), block * MIB);
      disk.seal();
      disk.close();
      return file;
    };
    const sorted = fill('sorted.vhdx', [0, 1, 2, 3, 9, 10, 15]);
    const scattered = fill('scattered.vhdx', [10, 3, 15, 0, 9, 2, 1]);
    const [one, other] = [await packLayer(sorted, TINY), await packLayer(scattered, TINY)];
    expect(one.form.blobs.slice(1)).toEqual(other.form.blobs.slice(1));
    expect(one.form.blobs[0].digest).not.toBe(other.form.blobs[0].digest);
    expect(one.form.blobs.map(({ windowIndex }) => windowIndex)).toEqual([undefined, 0, 2, 3]);
    await unpackLayer(other, path.join(folder, 'copy.vhdx'), TINY.windowBytes);
    expect(isSameFile(scattered, path.join(folder, 'copy.vhdx'))).toBe(true);
  });

  it('of windows that did not change are the same in the layer that replaces it', async () => {
    const folder = scratchFolder();
    const fill = (name: string, seed: number): string => {
      const file = path.join(folder, name);
      const disk = createDisk(file, { sizeBytes: 16 * MIB });
      disk.write(noise(2 * MIB, 1), 0);
      disk.write(noise(2 * MIB, seed), 4 * MIB);
      disk.write(noise(2 * MIB, 2), 8 * MIB);
      disk.seal();
      disk.close();
      return file;
    };
    const [one, other] = [await packLayer(fill('a', 3), TINY), await packLayer(fill('b', 4), TINY)];
    const same = one.form.blobs.map((blob, index) => blob.digest === other.form.blobs[index].digest);
    expect(same).toEqual([false, true, false, true]);
  });
});

describeWith(['zstd'], 'the zstd program', () => {
  it('finds nothing wrong with our blobs and decompresses them to the parts of the file', async () => {
    const { child } = makeChain(scratchFolder());
    const bytes = fs.readFileSync(child);
    for (const sizes of [{}, TINY]) {
      const parts = planParts(child, sizes);
      const { files } = await packLayer(child, sizes);
      for (const [index, [, file]] of [...files].entries()) {
        execFileSync('zstd', ['-t', '-q', file]);
        const content = execFileSync('zstd', ['-dc', file], { maxBuffer: 64 * MIB });
        const expected = parts[index].extents.map(({ fileOffset, length }) =>
          bytes.subarray(fileOffset, fileOffset + length),
        );
        expect(content.equals(Buffer.concat(expected))).toBe(true);
      }
    }
  });

  it('counts a frame a MiB, two tables, and a checksum in each frame', async () => {
    const { child } = makeChain(scratchFolder());
    const { files } = await packLayer(child);
    const [[blob, file]] = [...files];
    const named = `${file}.zst`;
    fs.renameSync(file, named);
    const list = execFileSync('zstd', ['-lv', named], { encoding: 'utf8' });
    expect(list).toContain(`# Zstandard Frames: ${Math.ceil(blob.contentBytes / FRAME_BYTES)}`);
    expect(list).toContain('# Skippable Frames: 2');
    expect(list).toContain('Check: XXH64');
  });
});

describeWith(['7zz', 'zstd'], '7-Zip', () => {
  it('opens the disk in a blob that zstd decompressed', async () => {
    const folder = scratchFolder();
    const { base } = makeChain(folder);
    const { files } = await packLayer(base);
    const [file] = [...files.values()];
    const disk = path.join(folder, 'unpacked.vhdx');
    execFileSync('zstd', ['-d', '-q', file, '-o', disk]);
    expect(execFileSync('7zz', ['t', disk], { encoding: 'utf8' })).toContain('Everything is Ok');
  });
});
