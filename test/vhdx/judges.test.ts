/**
 * What other programs make of our files, and we of theirs. Hundreds of generated chains go to every reader at hand; a
 * reader is only spared where it is known to be wrong (see disagreements.test.ts).
 */
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReadableDisk } from '../../src/disk/disk.ts';
import { openRawDisk } from '../../src/disk/file-disk.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { BLOCK } from '../../src/vhdx/format.ts';
import { bitmapEntryIndex } from '../../src/vhdx/geometry.ts';
import { openLayer, type Layer } from '../../src/vhdx/layer.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { describeWith, has, testWith } from '../support/needs.ts';
import { Libvhdi, qemuCheck, qemuCompare, qemuImg, sevenZip, sha256 } from './judge-programs.ts';
import { naiveContentsOf, naiveDisk, readerOf } from './naive-reader.ts';
import { everyChain, makeChain, type ChainPlan, type MadeChain } from './random-chain.ts';
import { allocatedBytes, contents, GIB, MIB, pattern, scratchFolder } from './scratch.ts';

const CHAINS = 140;
const [has7Zip, hasQemu, hasLibvhdi] = ['7zz', 'qemu-img', 'python:pyvhdi'].map(has);

let libvhdi: Libvhdi | undefined;
const theLibvhdi = () => (libvhdi ??= new Libvhdi());
afterAll(() => libvhdi?.close());

function isLargerThanParent(shape: ChainPlan): boolean {
  return shape.layers.some(
    ({ sizeBytes }, index) => index > 0 && sizeBytes > shape.layers[index - 1].sizeBytes,
  );
}

/** libvhdi takes every state below FULLY_PRESENT for "ask the parent". */
function hidesBlocks(layer: Layer): boolean {
  return [...layer.table.blocks()].some((block) => layer.table.state(block) < BLOCK.FULLY_PRESENT);
}

/**
 * Where a chunk has no sector bitmap, libvhdi takes the first bytes of the file for one. A bitmap without bits at the end
 * of the file is allowed, and changes nothing for anyone else.
 */
function addMissingBitmaps({ path: file, geometry, bitmapMb }: Layer): void {
  const fd = fs.openSync(file, 'r+');
  for (let chunk = 0; chunk < geometry.chunkCount; chunk++) {
    if (bitmapMb.has(chunk)) continue;
    const end = fs.fstatSync(fd).size;
    fs.ftruncateSync(fd, end + MIB);
    const entry = Buffer.alloc(8);
    entry.writeBigUInt64LE(BigInt(end) + 6n);
    fs.writeSync(fd, entry, 0, 8, 3 * MIB + bitmapEntryIndex(geometry, chunk) * 8);
  }
  fs.closeSync(fd);
}

/** How many chains a reader was asked about. */
const asked = new Map<string, number>();
const ask = (reader: string) => asked.set(reader, (asked.get(reader) ?? 0) + 1);

async function judgeBy7Zip(shape: ChainPlan, { paths, model }: MadeChain): Promise<void> {
  // It takes an odd number of sectors for a damaged file, and ends at the parent's end.
  const isOdd = shape.layers.some(({ sizeBytes }) => (sizeBytes & shape.logicalSectorBytes) !== 0);
  if (!has7Zip || isOdd || isLargerThanParent(shape)) return;
  ask('7-Zip');
  const { isClean, said, bytes } = await sevenZip(paths[0]);
  expect(isClean, said).toBe(true);
  expect(bytes.equals(model), '7-Zip reads something else').toBe(true);
}

async function judgeByLibvhdi(shape: ChainPlan, { paths, model }: MadeChain): Promise<void> {
  // It fails past the parent's end.
  if (!hasLibvhdi || isLargerThanParent(shape)) return;
  const differences = paths.slice(0, -1).map((file) => openLayer(file));
  for (const layer of differences) layer.file.close();
  if (differences.some(hidesBlocks)) return;
  ask('libvhdi');
  differences.forEach(addMissingBitmaps);
  expect(await theLibvhdi().read(paths)).toEqual(Libvhdi.expected(model));
}

async function judgeByQemu(shape: ChainPlan, { paths, base }: MadeChain): Promise<void> {
  // It reads no differences and no sectors of 4096 bytes.
  if (!hasQemu || shape.logicalSectorBytes !== 512) return;
  ask('qemu-img');
  const file = paths.at(-1)!;
  const compared = await qemuCompare(file, base);
  expect(compared.isClean, compared.said).toBe(true);
  // Reading has looked at most of what a check looks at.
  if (asked.get('qemu-img')! % 4 !== 0) return;
  const checked = await qemuCheck(file);
  expect(checked.isClean, checked.said).toBe(true);
}

function judgeByOurselves({ paths, model }: MadeChain): void {
  const chain = openChain(paths[0]);
  expect(chain.layers.map((layer) => layer.path)).toEqual(paths);
  expect(contents(chain).equals(model), 'the engine reads something else').toBe(true);
  chain.close();
  expect(naiveContentsOf(paths).equals(model), 'the naive reader reads something else').toBe(true);
}

describe('generated chains', () => {
  it('hold what was written for every reader, 7-Zip, libvhdi and qemu-img among them', async () => {
    await fc.assert(
      fc.asyncProperty(everyChain, async (shape) => {
        const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-judges-'));
        try {
          const made = makeChain(folder, 'layer', shape);
          judgeByOurselves(made);
          // Two programs at once; the last one gets files that are changed for it.
          await Promise.all([judgeBy7Zip(shape, made), judgeByQemu(shape, made)]);
          await judgeByLibvhdi(shape, made);
        } finally {
          fs.rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: CHAINS, seed: 20260127 },
    );
    // No reader was spared so often that its verdict means nothing.
    const atLeast = (reader: string, isHere: boolean) =>
      expect(asked.get(reader) ?? 0, reader).toBeGreaterThan(isHere ? CHAINS / 4 : -1);
    atLeast('7-Zip', has7Zip);
    atLeast('libvhdi', hasLibvhdi);
    atLeast('qemu-img', hasQemu);
  });
});

describeWith(['7zz', 'python:pyvhdi'], 'a chain of 20 layers', () => {
  it('is read by 7-Zip and libvhdi byte for byte', async () => {
    const change = (at: number, length: number, seed: number) => ({
      kind: 'write' as const,
      at,
      length,
      seed,
    });
    const layers = Array.from({ length: 20 }, (_, index) => ({
      blockBytes: MIB,
      sizeBytes: 6 * MIB,
      goesOn: index % 2 === 1,
      changes: [
        change(index * 40960, 4096, index),
        change((index % 6) * MIB, MIB / 2, index + 20),
        change(5 * MIB + index * 12288, 20480, index + 40),
      ],
    }));
    const { paths, model } = makeChain(scratchFolder(), 'layer', {
      logicalSectorBytes: 512,
      physicalSectorBytes: 4096,
      layers,
    });
    expect(await sevenZip(paths[0])).toMatchObject({ isClean: true, bytes: model });
    expect(await theLibvhdi().read(paths)).toEqual(Libvhdi.expected(model));
  });
});

/** A place on a large disk where something was written. */
interface Spot {
  readonly at: number;
  readonly bytes: Buffer;
}

/** A base and a difference of a large disk with data around the edges of chunks; `spots` is what the difference shows. */
function largeChain(sizeBytes: number, blockBytes: number, logicalSectorBytes = 512) {
  const folder = scratchFolder();
  const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
  const chunkBytes = 2 ** 23 * logicalSectorBytes;
  const edges = [0, chunkBytes - 8192, chunkBytes + MIB, sizeBytes - 16384].filter(
    (at) => at < sizeBytes - 8192,
  );
  const disk = createDisk(base, { sizeBytes, blockBytes, logicalSectorBytes });
  for (const [i, at] of edges.entries()) disk.write(pattern(16384, i + 1), at);
  disk.seal(child);
  const spots: Spot[] = edges.map((at, i) => ({ at, bytes: pattern(16384, i + 1) }));
  for (const [i, { at, bytes }] of spots.entries()) {
    const own = pattern(4096, i + 50);
    disk.write(own, at + 8192);
    own.copy(bytes, 8192);
  }
  disk.seal();
  disk.close();
  return { base, child, edges, spots };
}

describe('large disks', () => {
  const cases = [
    [4.5 * GIB, MIB, 512],
    [4.5 * GIB, 32 * MIB, 512],
    [4.5 * GIB, 256 * MIB, 512],
    [33 * GIB, 2 * MIB, 4096],
    [1024 * GIB, 16 * MIB, 512],
    [64 * 1024 * GIB, MIB, 512],
    [64 * 1024 * GIB, 256 * MIB, 512],
    [64 * 1024 * GIB, 32 * MIB, 4096],
  ] as const;

  it.each(cases)(
    'of %i bytes in blocks of %i with sectors of %i are read at every edge',
    async (size, block, sector) => {
      const { base, child, edges, spots } = largeChain(size, block, sector);
      const chain = openChain(child);
      for (const { at, bytes } of spots) expect(part(chain, at, bytes.length).equals(bytes)).toBe(true);
      chain.close();
      const fds = [base, child].map((file) => fs.openSync(file, 'r'));
      const naive = naiveDisk(readerOf(fds[1]), naiveDisk(readerOf(fds[0])));
      for (const { at, bytes } of spots) {
        const sectors = Array.from({ length: bytes.length / sector }, (_, i) =>
          naive.sector(at / sector + i),
        );
        expect(Buffer.concat(sectors).equals(bytes)).toBe(true);
      }
      fds.forEach((fd) => fs.closeSync(fd));
      if (hasLibvhdi) {
        const ranges = spots.map(({ at, bytes }) => [at, bytes.length] as const);
        const sums = spots.map(({ bytes }) => sha256(bytes));
        expect(await theLibvhdi().read([child, base], ranges)).toEqual({ size, sums });
      }
      // It reads the whole block table on every start: seconds for 64 TiB in blocks of 1 MiB.
      if (!hasQemu || sector !== 512 || size / block > 2 ** 20) return;
      expect((await qemuCheck(base)).said).toContain('No errors were found');
      for (const [i, at] of edges.entries()) {
        expect((await qemuPart(base, at, 16384)).equals(pattern(16384, i + 1))).toBe(true);
      }
    },
  );

  testWith(['7zz', 'sh', 'tail'], 'of 4 GiB and 2 MiB show their second chunk to 7-Zip', () => {
    const { child, spots } = largeChain(4 * GIB + 2 * MIB, 2 * MIB);
    const script = '7zz x -so "$1" | tail -c "$2"';
    const tail = execFileSync('sh', ['-c', script, 'sh', child, String(3 * MIB)], { maxBuffer: GIB });
    for (const { at, bytes } of spots.slice(1)) {
      const from = at - (4 * GIB - MIB);
      expect(tail.subarray(from, from + bytes.length).equals(bytes)).toBe(true);
    }
  });
});

function part(disk: ReadableDisk, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  disk.read(bytes, offset);
  return bytes;
}

async function qemuPart(file: string, offset: number, length: number): Promise<Buffer> {
  const out = `${file}.part`;
  // What is skipped counts too.
  const blocks = ['bs=4096', `skip=${offset / 4096}`, `count=${(offset + length) / 4096}`];
  const { isClean, said } = await qemuImg(
    'dd',
    '-f',
    'vhdx',
    '-O',
    'raw',
    ...blocks,
    `if=${file}`,
    `of=${out}`,
  );
  expect(isClean, said).toBe(true);
  return fs.readFileSync(out).subarray(0, length);
}

/** A base of 7 MiB. */
function smallBase(folder: string): { file: string; model: Buffer } {
  const file = path.join(folder, 'base.vhdx');
  const model = Buffer.alloc(7 * MIB);
  const disk = createDisk(file, { sizeBytes: model.length });
  for (const [at, length, seed] of [
    [0, 3 * MIB, 1],
    [5 * MIB - 4096, 8192, 2],
  ]) {
    disk.write(pattern(length, seed), at);
    pattern(length, seed).copy(model, at);
  }
  disk.seal();
  disk.close();
  return { file, model };
}

describeWith(['qemu-img'], 'qemu-img', () => {
  it('finds no fault in an empty disk of 64 GiB', async () => {
    const file = path.join(scratchFolder(), 'empty.vhdx');
    createVhdx(file, { sizeBytes: 64 * GIB });
    expect((await qemuCheck(file)).said).toContain('No errors were found');
  });

  for (const subformat of ['dynamic', 'fixed', 'fixed,block_state_zero=off']) {
    for (const blockSize of [1, 8, 256]) {
      it(`makes ${subformat} files in blocks of ${blockSize} MiB that we read`, async () => {
        const folder = scratchFolder();
        const { file, model } = smallBase(folder);
        const theirs = path.join(folder, 'theirs.vhdx');
        const options = `subformat=${subformat},block_size=${blockSize}M`;
        const made = await qemuImg('convert', '-O', 'vhdx', '-o', options, file, theirs);
        expect(made.isClean, made.said).toBe(true);
        const chain = openChain(theirs);
        expect(contents(chain).equals(model)).toBe(true);
        chain.close();
        expect(naiveContentsOf([theirs]).equals(model)).toBe(true);
      });
    }
  }
});

describeWith(['qemu-img', 'qemu-io'], 'files that qemu changed', () => {
  it('are read as they are now, and children of the file before are orphans', () => {
    const folder = scratchFolder();
    const { file, model } = smallBase(folder);
    const child = path.join(folder, 'child.vhdx');
    createChild(child, file);
    execFileSync('qemu-io', ['-f', 'vhdx', '-c', 'write -P 171 6M 65536', file], { stdio: 'ignore' });
    model.fill(171, 6 * MIB, 6 * MIB + 65536);
    const chain = openChain(file);
    expect(contents(chain).equals(model)).toBe(true);
    chain.close();
    expect(() => openChain(child)).toThrow(
      expect.objectContaining({ code: 'VHDX_PARENT_MISMATCH' }) as Error,
    );
  });
});

describeWith(['vhdimount', 'root', '/dev/fuse'], 'libvhdi finds parents by itself', () => {
  it('through the absolute path and the name beside the child', () => {
    const folder = scratchFolder();
    const { file, model } = smallBase(folder);
    const [first, leaf] = ['first.vhdx', 'leaf.vhdx'].map((name) => path.join(folder, name));
    const disk = openSandbox({ chain: file, sandboxPath: first });
    disk.write(pattern(8192, 3), 4096);
    disk.seal(leaf);
    disk.write(pattern(MIB, 4), 6 * MIB - 512);
    disk.seal();
    disk.close();
    pattern(8192, 3).copy(model, 4096);
    pattern(MIB, 4).copy(model, 6 * MIB - 512);
    const mountPoint = path.join(folder, 'mnt');
    fs.mkdirSync(mountPoint);
    execFileSync('vhdimount', [leaf, mountPoint], { stdio: 'ignore' });
    try {
      const mounted = openRawDisk(path.join(mountPoint, 'vhdi3'));
      expect(contents(mounted).equals(model)).toBe(true);
      mounted.close();
    } finally {
      execFileSync('umount', [mountPoint]);
    }
  });
});

const WINDOWS_FILES = path.resolve(import.meta.dirname, '../../../shared/reference/windows-vhdx');

describeWith([WINDOWS_FILES, 'qemu-img'], 'files that Windows wrote', () => {
  function unpack(name: string): string {
    const file = path.join(scratchFolder(), name);
    fs.writeFileSync(file, gunzipSync(fs.readFileSync(path.join(WINDOWS_FILES, `${name}.gz`))));
    return file;
  }

  it('are read as qemu-img reads them, also through a difference of ours', () => {
    const file = unpack('swap.vhdx');
    const folder = path.dirname(file);
    const [child, raw] = ['child.vhdx', 'theirs.raw'].map((name) => path.join(folder, name));
    createChild(child, file);
    execFileSync('qemu-img', ['convert', '-O', 'raw', file, raw]);
    for (const leaf of [file, child]) {
      const [ours, theirs] = [openChain(leaf), openRawDisk(raw)];
      expect(ours.sizeBytes).toBe(theirs.sizeBytes);
      let dataBytes = 0;
      for (const { offset, length, kind } of ours.extents(0, ours.sizeBytes)) {
        if (kind === 'zero') continue;
        expect(part(ours, offset, length).equals(part(theirs, offset, length))).toBe(true);
        dataBytes += length;
      }
      // qemu-img stores what is not zero: it found no data that we take for zeros.
      expect(allocatedBytes(raw)).toBeLessThanOrEqual(dataBytes);
      ours.close();
      theirs.close();
    }
  });
});
