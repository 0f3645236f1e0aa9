/** Disks that are made whole: empty ones, fixed ones, and those that are filled once. */
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createChild, createDiskFile, createVhdx, defaultBlockBytes } from '../../src/vhdx/create.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createFilledDisk } from '../../src/vhdx/filled-disk.ts';
import { createFixedDisk } from '../../src/vhdx/fixed-disk.ts';
import { BLOCK } from '../../src/vhdx/format.ts';
import { openLayer, type Layer } from '../../src/vhdx/layer.ts';
import { describeWith } from '../support/needs.ts';
import { Libvhdi, qemuCheck, qemuCompare, sevenZip } from './judge-programs.ts';
import { allocatedBytes, contents, GIB, MIB, pattern, scratchFolder } from './scratch.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const TIB = 1024 * GIB;

function withLayer<T>(file: string, look: (layer: Layer) => T): T {
  const layer = openLayer(file);
  try {
    return look(layer);
  } finally {
    layer.file.close();
  }
}

function read(file: string): Buffer {
  const disk = openChain(file);
  try {
    return contents(disk);
  } finally {
    disk.close();
  }
}

describe('a fixed disk', () => {
  const shapes = fc.record({
    sectors: fc.integer({ min: 1, max: 5000 }),
    blockBytes: fc.constantFrom(MIB, 2 * MIB, 8 * MIB),
    logicalSectorBytes: fc.constantFrom(512, 4096),
  });

  test('holds every block, one after the other, and no byte of it is a hole', () => {
    fc.assert(
      fc.property(shapes, ({ sectors, blockBytes, logicalSectorBytes }) => {
        const file = path.join(scratchFolder(), 'fixed.vhdx');
        const sizeBytes = sectors * logicalSectorBytes;
        const disk = createFixedDisk(file, { sizeBytes, blockBytes, logicalSectorBytes });
        const model = Buffer.alloc(sizeBytes);
        pattern(Math.min(sizeBytes, 70_000), sectors).copy(model, Math.max(0, sizeBytes - 70_000));
        disk.zero(0, Math.max(0, sizeBytes - 70_000));
        disk.write(model.subarray(Math.max(0, sizeBytes - 70_000)), Math.max(0, sizeBytes - 70_000));
        disk.seal();
        disk.close();
        withLayer(file, ({ geometry, table, metadata, fileBytes }) => {
          expect(metadata.leaveBlocksAllocated).toBe(true);
          for (let block = 0; block < geometry.blockCount; block++) {
            expect(table.state(block)).toBe(BLOCK.FULLY_PRESENT);
            expect(table.fileMb(block)).toBe(table.fileMb(0) + (block * blockBytes) / MIB);
          }
          expect(fileBytes).toBe(table.fileMb(0) * MIB + geometry.blockCount * blockBytes);
        });
        expect(allocatedBytes(file)).toBeGreaterThanOrEqual(fs.statSync(file).size);
        expect(read(file).equals(model)).toBe(true);
        fs.rmSync(file);
      }),
      { numRuns: 15 },
    );
  });

  test('is filled with zeros when it is made empty, and can be stopped', async () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'fixed.vhdx');
    const shape = { sizeBytes: 96 * MIB, isFixed: true };
    await createDiskFile(file, shape, quiet);
    expect(allocatedBytes(file)).toBeGreaterThanOrEqual(100 * MIB);
    expect(read(file).every((byte) => byte === 0)).toBe(true);
    const controller = new AbortController();
    const io = { signal: controller.signal, onProgress: () => controller.abort() };
    const stopped = createDiskFile(path.join(folder, 'stopped.vhdx'), shape, io);
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(fs.readdirSync(folder)).toEqual(['fixed.vhdx']);
  });
});

describe('a disk that is filled once', () => {
  const writes = fc.array(
    fc.record({
      at: fc.oneof(
        fc.nat(12 * MIB),
        fc.nat(11).map((mb) => mb * MIB),
      ),
      length: fc.oneof(fc.constantFrom(512, MIB, 2 * MIB, 5 * MIB), fc.integer({ min: 1, max: 3 * MIB })),
      seed: fc.nat(100),
    }),
    { maxLength: 8 },
  );

  test('holds what was written, in whatever order, and zeros elsewhere', () => {
    fc.assert(
      fc.property(writes, fc.constantFrom(MIB, 2 * MIB, 4 * MIB), (list, blockBytes) => {
        const file = path.join(scratchFolder(), 'filled.vhdx');
        const model = Buffer.alloc(12 * MIB + 512);
        const disk = createFilledDisk(file, { sizeBytes: model.length, blockBytes });
        const touched = new Set<number>();
        for (const { at, length, seed } of list) {
          const bytes = Buffer.alloc(Math.min(length, model.length - at), pattern(5000, seed));
          disk.write(bytes, at);
          bytes.copy(model, at);
          for (let i = at; i < at + bytes.length; i += 512) touched.add(Math.floor(i / blockBytes));
          if (bytes.length > 0) touched.add(Math.floor((at + bytes.length - 1) / blockBytes));
        }
        disk.seal();
        disk.close();
        expect(read(file).equals(model)).toBe(true);
        withLayer(file, ({ allocatedBlocks }) => expect(allocatedBlocks).toBe(touched.size));
        fs.rmSync(file);
      }),
      { numRuns: 40 },
    );
  });

  test('refuses what lies past its end', () => {
    const disk = createFilledDisk(path.join(scratchFolder(), 'filled.vhdx'), { sizeBytes: MIB });
    expect(() => disk.write(Buffer.alloc(2), MIB - 1)).toThrow(
      expect.objectContaining({ code: 'DISK_OUT_OF_RANGE' }),
    );
    disk.close();
  });

  test('becomes the same file but for its identifiers, however it is cut into writes', () => {
    const folder = scratchFolder();
    const bytes = pattern(7 * MIB + 512, 1);
    const [whole, cut] = [7 * MIB + 512, 300_032].map((step) => {
      const file = path.join(folder, `${step}.vhdx`);
      const disk = createFilledDisk(file, { sizeBytes: 64 * MIB });
      for (let at = 0; at < bytes.length; at += step) disk.write(bytes.subarray(at, at + step), MIB + at);
      disk.seal();
      disk.close();
      return fs.readFileSync(file);
    });
    expect(whole.length).toBe(cut.length);
    // From the block table on: headers and metadata hold fresh GUIDs.
    expect(whole.subarray(3 * MIB).equals(cut.subarray(3 * MIB))).toBe(true);
  });
});

describe('an empty disk', () => {
  test('gets large blocks only when it is very large', () => {
    expect(defaultBlockBytes(512)).toBe(MIB);
    expect(defaultBlockBytes(TIB)).toBe(MIB);
    expect(defaultBlockBytes(TIB + 512)).toBe(32 * MIB);
    expect(defaultBlockBytes(64 * TIB)).toBe(32 * MIB);
  });

  test.each([MIB, 256 * MIB])(
    'has up to 64 TiB, and takes next to no space (blocks of %i)',
    async (blockBytes) => {
      const file = path.join(scratchFolder(), 'huge.vhdx');
      await createDiskFile(file, { sizeBytes: 64 * TIB, blockBytes }, quiet);
      expect(allocatedBytes(file)).toBeLessThan(MIB);
      withLayer(file, ({ geometry }) => expect(geometry).toMatchObject({ sizeBytes: 64 * TIB, blockBytes }));
      const larger = createDiskFile(`${file}x`, { sizeBytes: 64 * TIB + 512, blockBytes }, quiet);
      await expect(larger).rejects.toMatchObject({ code: 'VHDX_GEOMETRY' });
    },
  );

  test('is refused in a shape that the format does not allow, with the shapes that it does', async () => {
    const folder = scratchFolder();
    for (const [shape, hint] of [
      [{ sizeBytes: 0 }, '64G'],
      [{ sizeBytes: 1000 }, 'whole sectors'],
      [{ sizeBytes: MIB, blockBytes: 3 * MIB }, '256 MiB'],
      [{ sizeBytes: MIB, blockBytes: 512 * MIB }, '256 MiB'],
      [{ sizeBytes: MIB + 512, logicalSectorBytes: 4096 }, 'whole sectors'],
      [{ sizeBytes: MIB, logicalSectorBytes: 1024 }, '512 or 4096'],
    ] as const) {
      for (const isFixed of [false, true]) {
        const refused = createDiskFile(path.join(folder, 'refused.vhdx'), { ...shape, isFixed }, quiet);
        await expect(refused).rejects.toMatchObject({
          code: 'VHDX_GEOMETRY',
          hint: expect.stringContaining(hint) as string,
        });
      }
    }
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

describe('a difference', () => {
  test('inherits sectors and identity, may be larger than its parent, but not smaller', async () => {
    const folder = scratchFolder();
    const parent = path.join(folder, 'parent.avhdx');
    createVhdx(parent, { sizeBytes: 8 * MIB, logicalSectorBytes: 4096, blockBytes: 2 * MIB });
    for (const sizeBytes of [undefined, 8 * MIB, 8 * MIB + 4096]) {
      const child = path.join(folder, `child-${sizeBytes ?? 0}.vhdx`);
      await createDiskFile(child, { parentPath: parent, ...(sizeBytes && { sizeBytes }) }, quiet);
      const disk = openChain(child);
      disk.close();
      const [leaf, base] = disk.layers;
      expect(disk.layers).toHaveLength(2);
      expect(leaf.geometry.sizeBytes).toBe(sizeBytes ?? 8 * MIB);
      expect(leaf.metadata).toMatchObject({
        logicalSectorBytes: 4096,
        physicalSectorBytes: base.metadata.physicalSectorBytes,
        virtualDiskId: base.metadata.virtualDiskId,
        blockBytes: MIB,
      });
    }
    const smaller = createDiskFile(
      path.join(folder, 'smaller.vhdx'),
      { parentPath: parent, sizeBytes: 4 * MIB },
      quiet,
    );
    await expect(smaller).rejects.toMatchObject({ code: 'VHDX_GEOMETRY' });
    expect(fs.readdirSync(folder)).not.toContain('smaller.vhdx');
  });

  test('finds its parent in another folder, and still when both are moved together', async () => {
    const folder = scratchFolder();
    fs.mkdirSync(path.join(folder, 'one/bases'), { recursive: true });
    fs.mkdirSync(path.join(folder, 'one/disks/web'), { recursive: true });
    const parent = path.join(folder, 'one/bases/base.vhdx');
    createVhdx(parent, { sizeBytes: 4 * MIB });
    const child = path.join(folder, 'one/disks/web/child.vhdx');
    await createDiskFile(child, { parentPath: parent }, quiet);
    withLayer(child, ({ locator }) =>
      expect(locator?.entries.get('relative_path')).toBe('..\\..\\bases\\base.vhdx'),
    );
    fs.renameSync(path.join(folder, 'one'), path.join(folder, 'two'));
    const moved = openChain(path.join(folder, 'two/disks/web/child.vhdx'));
    expect(moved.layers).toHaveLength(2);
    moved.close();
  });

  test('needs a parent that is there and whole', async () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'child.vhdx');
    const orphan = createDiskFile(file, { parentPath: path.join(folder, 'missing.vhdx') }, quiet);
    await expect(orphan).rejects.toMatchObject({ code: 'DISK_NOT_FOUND' });
    fs.writeFileSync(path.join(folder, 'raw.img'), Buffer.alloc(MIB));
    const wrong = createDiskFile(file, { parentPath: path.join(folder, 'raw.img') }, quiet);
    await expect(wrong).rejects.toMatchObject({ code: 'VHDX_NOT_VHDX' });
    expect(fs.readdirSync(folder)).toEqual(['raw.img']);
  });
});

describeWith(['7zz', 'qemu-img', 'python:pyvhdi'], 'other readers', () => {
  const shapes = [
    [4 * MIB, MIB, 512],
    [5 * MIB, 2 * MIB, 512],
    [33 * MIB, 32 * MIB, 512],
    [9 * MIB, MIB, 4096],
    // 7-Zip does not take an odd number of sectors.
    [6 * MIB + 8192, 4 * MIB, 4096],
  ] as const;

  test.each(shapes)('take a fixed disk of %i bytes in blocks of %i for what it is', async (...shape) => {
    const [sizeBytes, blockBytes, logicalSectorBytes] = shape;
    const file = path.join(scratchFolder(), 'fixed.vhdx');
    const model = Buffer.alloc(sizeBytes);
    const disk = createFixedDisk(file, { sizeBytes, blockBytes, logicalSectorBytes });
    disk.zero(0, sizeBytes);
    for (const at of [0, blockBytes - 8192, sizeBytes - 8192]) {
      disk.write(pattern(8192, at), at);
      pattern(8192, at).copy(model, at);
    }
    disk.seal();
    disk.close();
    await judge(file, model, logicalSectorBytes);
    const listed = execFileSync('7zz', ['l', file], { encoding: 'utf8' });
    expect(listed).toMatch(/^Method = fixed$/m);
  });

  test.each(shapes)('read a filled disk of %i bytes in blocks of %i', async (...shape) => {
    const [sizeBytes, blockBytes, logicalSectorBytes] = shape;
    const file = path.join(scratchFolder(), 'filled.vhdx');
    const model = Buffer.alloc(sizeBytes);
    const disk = createFilledDisk(file, { sizeBytes, blockBytes, logicalSectorBytes });
    for (const [at, length] of [
      [0, MIB],
      [sizeBytes - 4096, 4096],
      [3 * MIB + 512, 1024],
    ]) {
      disk.write(pattern(length, at), at);
      pattern(length, at).copy(model, at);
    }
    disk.seal();
    disk.close();
    await judge(file, model, logicalSectorBytes);
  });

  /** qemu-img does not read sectors of 4096 bytes. */
  async function judge(file: string, model: Buffer, sectorBytes: number): Promise<void> {
    if (sectorBytes === 512) {
      expect(await qemuCheck(file)).toMatchObject({ isClean: true });
      expect(await qemuCompare(file, model)).toMatchObject({ isClean: true });
    }
    const extracted = await sevenZip(file);
    expect(extracted).toMatchObject({ isClean: true });
    expect(extracted.bytes.equals(model)).toBe(true);
    const libvhdi = new Libvhdi();
    expect(await libvhdi.read([file])).toEqual(Libvhdi.expected(model));
    libvhdi.close();
  }
});

test('a child of a disk made for it is what createChild makes', () => {
  const folder = scratchFolder();
  createVhdx(path.join(folder, 'base.vhdx'), { sizeBytes: 2 * TIB });
  createChild(path.join(folder, 'child.vhdx'), path.join(folder, 'base.vhdx'));
  withLayer(path.join(folder, 'child.vhdx'), ({ geometry }) =>
    expect(geometry).toMatchObject({ sizeBytes: 2 * TIB, blockBytes: 32 * MIB, hasParent: true }),
  );
});
