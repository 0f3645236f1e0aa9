/** VHD are read without any other program, and read as others read them. */
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertDisk } from '../../src/convert/convert.ts';
import { formatOfContent } from '../../src/convert/formats.ts';
import { vhdSource } from '../../src/convert/vhd-source.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { describeWith } from '../support/needs.ts';
import { Libvhdi } from '../vhdx/judge-programs.ts';
import { contents, MIB, pattern, scratchFolder } from '../vhdx/scratch.ts';
import { makeVhd, sum, type VhdShape } from './make-vhd.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const SECTOR = 512;

/** What the program reads of a VHD, as raw bytes and through a VHDX. */
async function read(file: string): Promise<Buffer> {
  const folder = scratchFolder();
  const [raw, vhdx] = ['out.raw', 'out.vhdx'].map((name) => path.join(folder, name));
  expect(await formatOfContent(file)).toBe('vhd');
  await convertDisk({ format: 'vhd', path: file }, raw, { format: 'raw' }, quiet);
  await convertDisk({ format: 'vhd', path: file }, vhdx, { format: 'vhdx' }, quiet);
  const disk = openChain(vhdx);
  try {
    expect(disk.layers[0].metadata).toMatchObject({ physicalSectorBytes: 512, logicalSectorBytes: 512 });
    expect(contents(disk).equals(fs.readFileSync(raw))).toBe(true);
  } finally {
    disk.close();
  }
  return fs.readFileSync(raw);
}

/** Runs of data on a disk of so many sectors. */
const anyDisk = fc.record({
  sectors: fc.integer({ min: 1, max: 9000 }),
  runs: fc.array(
    fc.record({ at: fc.nat(8999), length: fc.integer({ min: 1, max: 700 }), seed: fc.nat(250) }),
    { maxLength: 6 },
  ),
});

function fill({ sectors, runs }: typeof anyDisk extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const bytes = Buffer.alloc(sectors * SECTOR);
  for (const { at, length, seed } of runs) pattern(length * SECTOR, seed).copy(bytes, at * SECTOR);
  return bytes;
}

describeWith(['qemu-img', 'python:pyvhdi'], 'a VHD', () => {
  let libvhdi: Libvhdi;
  beforeAll(() => {
    libvhdi = new Libvhdi();
  });
  afterAll(() => libvhdi.close());

  test.each([
    ['dynamic', 'on'],
    ['dynamic', 'off'],
    ['fixed', 'on'],
    ['fixed', 'off'],
  ])('of qemu-img (%s, force_size=%s) holds what was put into it', async (subformat, force) => {
    await fc.assert(
      fc.asyncProperty(anyDisk, async (plan) => {
        const folder = fs.mkdtempSync(path.join(scratchFolder(), 'x'));
        const model = fill(plan);
        const [raw, vhd] = ['disk.raw', 'disk.vhd'].map((name) => path.join(folder, name));
        fs.writeFileSync(raw, model);
        const options = `subformat=${subformat},force_size=${force}`;
        execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'vpc', '-o', options, raw, vhd]);
        const found = await read(vhd);
        // Without force_size it rounds up to whole cylinders.
        if (force === 'on') expect(found.length).toBe(model.length);
        expect(found.subarray(0, model.length).equals(model)).toBe(true);
        expect(found.subarray(model.length).every((byte) => byte === 0)).toBe(true);
        expect(await libvhdi.read([vhd])).toEqual(Libvhdi.expected(found));
        fs.rmSync(folder, { recursive: true });
      }),
      { numRuns: 8 },
    );
  });

  test('with blocks of any size, anywhere in the file, holds what another reader finds', async () => {
    const shapes = fc.record({
      blockBytes: fc.constantFrom(4096, 65536, 512 * 1024, 2 * MIB, 4 * MIB),
      gapBytes: fc.constantFrom(0, 512, 2048),
    });
    await fc.assert(
      fc.asyncProperty(anyDisk, shapes, async (plan, shape) => {
        const model = fill(plan);
        const file = path.join(scratchFolder(), 'disk.vhd');
        fs.writeFileSync(file, makeVhd(model, { sizeBytes: model.length, ...shape }));
        expect((await read(file)).equals(model)).toBe(true);
        execFileSync('qemu-img', ['compare', '-f', 'vpc', '-F', 'raw', file, rawOf(file, model)]);
        // Of blocks that are used in part, libvhdi leaves out sectors in long reads that it finds in short ones.
        const isUsed = (): boolean => true;
        fs.writeFileSync(file, makeVhd(model, { sizeBytes: model.length, ...shape, isUsed }));
        expect((await read(file)).equals(model)).toBe(true);
        expect(await libvhdi.read([file])).toEqual(Libvhdi.expected(model));
      }),
      { numRuns: 12 },
    );
  });

  function rawOf(beside: string, model: Buffer): string {
    fs.writeFileSync(`${beside}.raw`, model);
    return `${beside}.raw`;
  }

  test('becomes every format, and comes back from it', async () => {
    const folder = scratchFolder();
    const model = fill({ sectors: 5001, runs: [{ at: 4990, length: 20, seed: 3 }] });
    const file = path.join(folder, 'disk.vhd');
    // The cylinders that Virtual PC tells of are fewer than the sectors: the last ones count.
    fs.writeFileSync(file, makeVhd(model, { sizeBytes: model.length, blockBytes: 2 * MIB, creator: 'vpc ' }));
    for (const format of ['vhd', 'qcow2', 'vmdk'] as const) {
      const [there, back] = [path.join(folder, `there.${format}`), path.join(folder, `back.${format}.raw`)];
      const size = await convertDisk({ format: 'vhd', path: file }, there, { format }, quiet);
      expect(size).toBe(model.length);
      await convertDisk({ format, path: there }, back, { format: 'raw' }, quiet);
      expect(fs.readFileSync(back).equals(model)).toBe(true);
    }
  });
});

describe('a VHD', () => {
  const model = fill({ sectors: 3000, runs: [{ at: 0, length: 3000, seed: 9 }] });

  function file(bytes: Buffer): string {
    const name = path.join(scratchFolder(), 'disk.vhd');
    fs.writeFileSync(name, bytes);
    return name;
  }

  test('reads as zeros where its bitmap says that nothing was ever written', async () => {
    const shape: VhdShape = {
      sizeBytes: model.length,
      blockBytes: MIB,
      isUsed: (sector) => sector % 3 === 1,
    };
    const expected = Buffer.from(model);
    for (let sector = 0; sector < 3000; sector++)
      if (sector % 3 !== 1) expected.fill(0, sector * SECTOR, (sector + 1) * SECTOR);
    expect((await read(file(makeVhd(model, shape)))).equals(expected)).toBe(true);
  });

  test('is read at any place', async () => {
    const source = await vhdSource(file(makeVhd(model, { sizeBytes: model.length, blockBytes: 65536 })));
    const part = Buffer.alloc(200_001);
    for (const offset of [0, 1, 65_535, 333_333, model.length - part.length]) {
      source.read(part, offset);
      expect(part.equals(model.subarray(offset, offset + part.length))).toBe(true);
    }
    expect(() => source.read(part, model.length - 1000)).toThrow(
      expect.objectContaining({ code: 'DISK_OUT_OF_RANGE' }),
    );
    source.close();
  });

  const dynamic = (): Buffer => makeVhd(model, { sizeBytes: model.length, blockBytes: MIB });
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = dynamic();
    change(bytes);
    return bytes;
  };
  const footerOf = (bytes: Buffer): Buffer => bytes.subarray(bytes.length - 512);
  const headerOf = (bytes: Buffer): Buffer => bytes.subarray(512, 1536);
  const TABLE = 1536;

  test.each<[string, RegExp, () => Buffer]>([
    ['is cut short', /cut short: its footer/, () => dynamic().subarray(0, 100_000)],
    ['is shorter than a footer', /cut short: its footer/, () => dynamic().subarray(0, 100)],
    ['is empty', /cut short: its footer/, () => Buffer.alloc(0)],
    ['has a damaged footer', /footer is damaged/, () => changed((bytes) => (footerOf(bytes)[48] ^= 1))],
    [
      'is fixed and cut short in the middle',
      /it is cut short$/,
      () => {
        const bytes = makeVhd(model, { sizeBytes: model.length });
        return Buffer.concat([bytes.subarray(0, 4096), footerOf(bytes)]);
      },
    ],
    [
      'is a difference',
      /differencing VHD; merge it/,
      () => makeVhd(model, { sizeBytes: model.length, blockBytes: MIB, type: 4 }),
    ],
    ['has no known type', /the type 7/, () => makeVhd(model, { sizeBytes: model.length, type: 7 })],
    [
      'has a version to come',
      /version/,
      () => changed((bytes) => (footerOf(bytes).writeUInt16BE(2, 12), sum(footerOf(bytes), 64))),
    ],
    ['has no size', /size of 0 bytes/, () => makeVhd(model, { sizeBytes: 0 })],
    [
      'has an enormous size',
      /size of .* bytes cannot be/,
      () => changed((bytes) => (footerOf(bytes).fill(0xff, 48, 55), sum(footerOf(bytes), 64))),
    ],
    ['has a damaged header', /header is damaged/, () => changed((bytes) => (headerOf(bytes)[30] ^= 1))],
    [
      'has its header elsewhere',
      /header lies outside/,
      () => changed((bytes) => (footerOf(bytes).fill(0xff, 16, 24), sum(footerOf(bytes), 64))),
    ],
    [
      'has blocks of an odd size',
      /blocks of 1000000 bytes/,
      () => changed((bytes) => (headerOf(bytes).writeUInt32BE(1_000_000, 32), sum(headerOf(bytes), 36))),
    ],
    [
      'has blocks of no size',
      /blocks of 0 bytes/,
      () => changed((bytes) => (headerOf(bytes).writeUInt32BE(0, 32), sum(headerOf(bytes), 36))),
    ],
    [
      'has a table that is too short',
      /table is shorter/,
      () => changed((bytes) => (headerOf(bytes).writeUInt32BE(1, 28), sum(headerOf(bytes), 36))),
    ],
    [
      'has its table elsewhere',
      /table lies outside/,
      () => changed((bytes) => (headerOf(bytes).fill(0xff, 16, 24), sum(headerOf(bytes), 36))),
    ],
    [
      'has a block elsewhere',
      /a block lies outside/,
      () => changed((bytes) => bytes.writeUInt32BE(0xffff_fffe, TABLE)),
    ],
    [
      'has two blocks in one place',
      /two blocks lie in the same place/,
      () => changed((bytes) => bytes.copy(bytes, TABLE, TABLE + 4, TABLE + 8)),
    ],
  ])('that %s is refused', async (_, reason, bytes) => {
    const name = file(bytes());
    const converting = convertDisk({ format: 'vhd', path: name }, `${name}.raw`, { format: 'raw' }, quiet);
    await expect(converting).rejects.toMatchObject({
      code: 'DISK_UNUSABLE',
      data: { path: name, reason: expect.stringMatching(reason) as string },
    });
    expect(fs.existsSync(`${name}.raw`)).toBe(false);
  });

  test('is never read beyond its end, whatever its bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2047), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (changes) => {
          const bytes = dynamic();
          for (const [at, value] of changes) bytes[at] = value;
          sum(bytes.subarray(512, 1536), 36);
          const name = file(bytes);
          try {
            (await vhdSource(name)).close();
            expect(await read(name)).toHaveLength(model.length);
          } catch (error) {
            expect(error).toMatchObject({ code: 'DISK_UNUSABLE' });
          }
          fs.rmSync(name);
        },
      ),
      { numRuns: 40 },
    );
  });
});
