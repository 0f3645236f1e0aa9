/** Raw disks, VHDX of every kind and chains, one into the other, before other readers. */
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { convertDisk, type ConvertInput, type ConvertOutput } from '../../src/convert/convert.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { describeWith } from '../support/needs.ts';
import { Libvhdi, qemuCheck, qemuCompare, sevenZip } from '../vhdx/judge-programs.ts';
import { anyChain, makeChain } from '../vhdx/random-chain.ts';
import { allocatedBytes, MIB, pattern, scratchFolder } from '../vhdx/scratch.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const RAW = { format: 'raw' } as const;

function convert(input: ConvertInput, target: string, output: ConvertOutput): Promise<number> {
  return convertDisk(input, target, output, quiet);
}

function digest(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

describeWith(['7zz', 'qemu-img', 'python:pyvhdi'], 'converting', () => {
  let libvhdi: Libvhdi;
  beforeAll(() => {
    libvhdi = new Libvhdi();
  });
  afterAll(() => libvhdi.close());

  /** qemu-img does not read sectors of 4096 bytes, 7-Zip no odd number of sectors. */
  async function judge(file: string, model: Buffer, sectorBytes: number): Promise<void> {
    if (sectorBytes === 512) {
      expect(await qemuCheck(file)).toMatchObject({ isClean: true });
      expect(await qemuCompare(file, model)).toMatchObject({ isClean: true });
    }
    if ((model.length / sectorBytes) % 2 === 0) {
      const extracted = await sevenZip(file);
      expect(extracted).toMatchObject({ isClean: true, said: '' });
      expect(extracted.bytes.equals(model)).toBe(true);
    }
    expect(await libvhdi.read([file])).toEqual(Libvhdi.expected(model));
  }

  const outputs = fc.record({
    format: fc.constant('vhdx' as const),
    isFixed: fc.boolean(),
    blockBytes: fc.constantFrom(MIB, 2 * MIB, 8 * MIB),
  });

  test('makes one disk of any chain, dynamic or fixed, and a raw disk of that, and all hold the same', async () => {
    await fc.assert(
      fc.asyncProperty(anyChain(4), outputs, async (plan, output) => {
        const folder = scratchFolder();
        const { paths, model } = makeChain(folder, 'layer', plan);
        const before = paths.map(digest);
        const [flat, raw, again] = ['flat.vhdx', 'flat.raw', 'again.raw'].map((name) =>
          path.join(folder, name),
        );

        expect(await convert({ format: 'vhdx', path: paths[0] }, flat, output)).toBe(model.length);
        await judge(flat, model, plan.logicalSectorBytes);
        await convert({ format: 'vhdx', path: paths }, raw, RAW);
        expect(fs.readFileSync(raw).equals(model)).toBe(true);
        await convert({ format: 'vhdx', path: flat }, again, { ...RAW, isFixed: output.isFixed });
        expect(fs.readFileSync(again).equals(model)).toBe(true);

        const disk = openChain(flat);
        disk.close();
        expect(disk.layers).toHaveLength(1);
        expect(disk.layers[0].metadata).toMatchObject({
          blockBytes: output.blockBytes,
          logicalSectorBytes: plan.logicalSectorBytes,
          leaveBlocksAllocated: output.isFixed,
        });
        if (output.isFixed) expect(allocatedBytes(flat)).toBeGreaterThanOrEqual(fs.statSync(flat).size);
        expect(paths.map(digest)).toEqual(before);
        fs.rmSync(folder, { recursive: true });
      }),
      { numRuns: 25 },
    );
  });

  test.each([
    ['of one sector', 512],
    ['of an odd number of sectors', 3 * MIB + 512],
    ['that ends in the middle of a sector', 3 * MIB + 100],
    ['of whole megabytes', 5 * MIB],
  ])('takes a raw disk %s', async (_, sizeBytes) => {
    const folder = scratchFolder();
    const raw = path.join(folder, 'disk.raw');
    const bytes = Buffer.alloc(sizeBytes);
    pattern(Math.min(sizeBytes, 70_000), 1).copy(bytes, sizeBytes - Math.min(sizeBytes, 70_000));
    fs.writeFileSync(raw, bytes);
    const model = Buffer.alloc(Math.ceil(sizeBytes / 512) * 512);
    bytes.copy(model);
    for (const isFixed of [false, true]) {
      const file = path.join(folder, `${isFixed}.vhdx`);
      await convert({ format: 'raw', path: raw }, file, { format: 'vhdx', isFixed });
      await judge(file, model, 512);
    }
  });

  test('leaves holes where the disk is zero', async () => {
    const folder = scratchFolder();
    const raw = path.join(folder, 'disk.raw');
    fs.writeFileSync(raw, '');
    fs.truncateSync(raw, 300 * MIB);
    const fd = fs.openSync(raw, 'r+');
    fs.writeSync(fd, pattern(100_000, 1), 0, 100_000, 200 * MIB);
    fs.closeSync(fd);
    const [dynamic, again] = ['disk.vhdx', 'again.raw'].map((name) => path.join(folder, name));
    await convert({ format: 'raw', path: raw }, dynamic, { format: 'vhdx' });
    expect(fs.statSync(dynamic).size).toBeLessThan(7 * MIB);
    await convert({ format: 'vhdx', path: dynamic }, again, RAW);
    expect(allocatedBytes(again)).toBeLessThan(MIB);
    expect(fs.readFileSync(again).equals(fs.readFileSync(raw))).toBe(true);
  });

  test('refuses an empty raw disk, and blocks that no VHDX has', async () => {
    const folder = scratchFolder();
    const raw = path.join(folder, 'disk.raw');
    fs.writeFileSync(raw, '');
    const file = path.join(folder, 'disk.vhdx');
    const input = { format: 'raw', path: raw } as const;
    for (const format of ['vhdx', 'raw', 'qcow2'] as const)
      await expect(convert(input, file, { format })).rejects.toMatchObject({ code: 'DISK_UNUSABLE' });
    fs.writeFileSync(raw, Buffer.alloc(512));
    const odd = convert(input, file, { format: 'vhdx', blockBytes: 5 * MIB });
    await expect(odd).rejects.toMatchObject({ code: 'VHDX_GEOMETRY' });
    expect(fs.readdirSync(folder)).toEqual(['disk.raw']);
  });

  test('refuses a damaged chain by name and leaves nothing', async () => {
    const folder = scratchFolder();
    const plan = {
      logicalSectorBytes: 512,
      layers: [1, 2].map(() => ({ sizeBytes: MIB, blockBytes: MIB, changes: [] })),
    };
    const { paths } = makeChain(folder, 'layer', plan);
    fs.rmSync(paths[1]);
    const orphan = convert({ format: 'vhdx', path: paths[0] }, path.join(folder, 'flat.vhdx'), {
      format: 'vhdx',
    });
    await expect(orphan).rejects.toMatchObject({ code: 'VHDX_PARENT_NOT_FOUND' });
    expect(fs.readdirSync(folder)).toEqual([path.basename(paths[0])]);
  });
});
