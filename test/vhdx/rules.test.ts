/** The write rules of a difference, seen in the files they leave. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SealableDisk } from '../../src/disk/sealable-disk.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createVhdx } from '../../src/vhdx/create.ts';
import { openLayer, type Layer } from '../../src/vhdx/layer.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { readBlockBits } from '../../src/vhdx/sector-bitmap.ts';
import { allocatedBytes, contents, GIB, MIB, pattern, scratchFolder } from './scratch.ts';

const [ZERO, FULL, PARTIAL] = [2, 6, 7];
const DISK_BYTES = 16 * MIB;

/** A base whose blocks 0 to 3 hold data, with a sandbox on top. */
function sandboxOnData(): { disk: SealableDisk; base: string; leaf: string; folder: string } {
  const folder = scratchFolder();
  const [base, leaf] = ['base.vhdx', 'leaf.vhdx'].map((name) => path.join(folder, name));
  const disk = createDisk(base, { sizeBytes: DISK_BYTES });
  disk.write(pattern(4 * MIB, 1), 0);
  disk.seal();
  disk.close();
  return { disk: openSandbox({ chain: base, sandboxPath: leaf }), base, leaf, folder };
}

/** Seals, checks that the file shows what the disk showed, and hands out the file's tables. */
function sealed(disk: SealableDisk, leaf: string): Layer {
  const before = contents(disk);
  disk.seal();
  expect(contents(disk).equals(before)).toBe(true);
  disk.close();
  const chain = openChain(leaf);
  expect(contents(chain).equals(before)).toBe(true);
  chain.close();
  const layer = openLayer(leaf);
  layer.file.close();
  return layer;
}

function states(layer: Layer, count = 6): number[] {
  return Array.from({ length: count }, (_, block) => layer.table.state(block));
}

describe('writing to an absent block', () => {
  it('in part makes it partial, with bits for what was written', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(1024, 2), 512);
    const layer = sealed(disk, leaf);
    expect(states(layer)).toEqual([PARTIAL, 0, 0, 0, 0, 0]);
    const reopened = openLayer(leaf);
    expect([...readBlockBits(reopened, 0, 0, 2048).runs()]).toEqual([{ start: 1, end: 3 }]);
    reopened.file.close();
  });

  it('as a whole makes it full, without a bitmap', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(MIB, 2), MIB);
    const layer = sealed(disk, leaf);
    expect(states(layer)).toEqual([0, FULL, 0, 0, 0, 0]);
    expect(layer.bitmapMb.size).toBe(0);
  });

  it('piece by piece makes it full when the last sector is there', () => {
    const { disk, leaf } = sandboxOnData();
    for (let at = MIB; at < 2 * MIB; at += 65536) disk.write(pattern(65536, at), at);
    expect(states(sealed(disk, leaf))).toEqual([0, FULL, 0, 0, 0, 0]);
  });

  it('with zeros over zeros stores nothing', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(new Uint8Array(MIB + 4096), 6 * MIB);
    const layer = sealed(disk, leaf);
    expect([...layer.table.blocks()]).toEqual([]);
    expect(layer.fileBytes).toBe(4 * MIB);
  });
});

describe('zeroing', () => {
  it('a whole block over data leaves ZERO at offset 0', () => {
    const { disk, leaf } = sandboxOnData();
    disk.zero(MIB, MIB);
    const layer = sealed(disk, leaf);
    expect(states(layer)).toEqual([0, ZERO, 0, 0, 0, 0]);
    const entry = fs.readFileSync(leaf).readBigUInt64LE(3 * MIB + 8);
    expect(entry).toBe(2n);
  });

  it('a whole block over zeros leaves nothing, and frees what was written there', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(MIB, 2), 6 * MIB);
    disk.write(pattern(4096, 2), 7 * MIB);
    disk.zero(6 * MIB, 2 * MIB);
    const layer = sealed(disk, leaf);
    expect([...layer.table.blocks()]).toEqual([]);
    expect(layer.fileBytes).toBe(4 * MIB);
  });

  it('part of a block over data stores zeros, in a hole of the file', () => {
    const { disk, leaf } = sandboxOnData();
    disk.zero(MIB + 4096, 65536);
    expect(states(sealed(disk, leaf))).toEqual([0, PARTIAL, 0, 0, 0, 0]);
    expect(allocatedBytes(leaf)).toBeLessThan(65536);
  });

  it('part of a full block over zeros gives the sectors back', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(MIB, 2), 6 * MIB);
    disk.zero(6 * MIB, 512 * 1024);
    const layer = sealed(disk, leaf);
    expect(layer.table.state(6)).toBe(PARTIAL);
    const reopened = openLayer(leaf);
    expect(readBlockBits(reopened, 6, 0, 2048).count).toBe(1024);
    reopened.file.close();
  });

  it('piece by piece over data ends in ZERO, not in a stored block of zeros', () => {
    const { disk, leaf } = sandboxOnData();
    for (let at = 2 * MIB; at < 3 * MIB; at += 65536) disk.write(new Uint8Array(65536), at);
    const layer = sealed(disk, leaf);
    expect(states(layer)).toEqual([0, 0, ZERO, 0, 0, 0]);
    expect(layer.fileBytes).toBe(4 * MIB);
  });
});

describe('a block that hides data as zeros', () => {
  it('never becomes partial: the rest of it stays zeros', () => {
    const { disk, leaf } = sandboxOnData();
    disk.zero(MIB, MIB);
    disk.write(pattern(4096, 3), MIB + 8192);
    const layer = sealed(disk, leaf);
    expect(states(layer)).toEqual([0, FULL, 0, 0, 0, 0]);
  });

  it('shows no old data when it gets a place that was used before', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(MIB, 9), 0);
    disk.zero(0, MIB);
    disk.write(pattern(512, 3), 4096);
    const shown = contents(disk).subarray(0, MIB);
    expect(shown.subarray(0, 4096).every((byte) => byte === 0)).toBe(true);
    expect(shown.subarray(4608).every((byte) => byte === 0)).toBe(true);
    expect(states(sealed(disk, leaf))).toEqual([FULL, 0, 0, 0, 0, 0]);
  });
});

describe('a partial block', () => {
  it('stores zeros, not old data, when it got a place that was used before', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(MIB, 9), 6 * MIB);
    disk.zero(6 * MIB, MIB);
    disk.write(pattern(512, 3), MIB);
    disk.zero(MIB + 65536, 65536);
    expect(
      contents(disk)
        .subarray(MIB + 65536, MIB + 131072)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(states(sealed(disk, leaf))).toEqual([0, PARTIAL, 0, 0, 0, 0]);
  });
});

describe('bits of a block that was given up', () => {
  it('do not come back when the block is partial again', () => {
    const { disk, leaf } = sandboxOnData();
    disk.write(pattern(65536, 2), 6 * MIB);
    disk.zero(6 * MIB, MIB);
    disk.write(pattern(512, 3), 6 * MIB + 131072);
    sealed(disk, leaf);
    const reopened = openLayer(leaf);
    expect([...readBlockBits(reopened, 6, 0, 2048).runs()]).toEqual([{ start: 256, end: 257 }]);
    reopened.file.close();
  });
});

describe('the file of a sealed layer', () => {
  it('holds no data that were discarded', () => {
    const { disk, leaf } = sandboxOnData();
    const secret = Buffer.from('correct horse battery staple'.repeat(40)).subarray(0, 1024);
    disk.write(secret, 6 * MIB + 4096);
    disk.write(secret, 8 * MIB);
    disk.write(pattern(MIB, 7), 9 * MIB);
    disk.write(pattern(512, 7), 6 * MIB + 16384);
    disk.zero(6 * MIB + 4096, 1024);
    disk.zero(8 * MIB, MIB);
    sealed(disk, leaf);
    expect(fs.readFileSync(leaf).includes('correct horse')).toBe(false);
  });

  it('is as long as its last block, whatever was freed in between', () => {
    const { disk, leaf } = sandboxOnData();
    for (let block = 4; block < 12; block++) disk.write(pattern(MIB, block), block * MIB);
    for (const block of [4, 6, 7, 9]) disk.zero(block * MIB, MIB);
    const layer = sealed(disk, leaf);
    expect(layer.fileBytes).toBe((4 + 4) * MIB);
  });

  it('gives back the space of what was discarded inside its blocks', () => {
    const { disk, leaf, folder } = sandboxOnData();
    disk.write(pattern(8 * MIB, 5), 5 * MIB);
    for (let block = 5; block < 13; block++) disk.zero(block * MIB + 65536, MIB - 65536);
    sealed(disk, leaf);
    expect(fs.readdirSync(folder).sort()).toEqual(['base.vhdx', 'leaf.vhdx']);
    expect(allocatedBytes(leaf)).toBeLessThan(8 * 65536 + 128 * 1024);
  });

  it('takes little more of the host than what was written', () => {
    const { disk, leaf } = sandboxOnData();
    for (let block = 0; block < 10; block++) disk.write(pattern(4096, block), block * MIB + 40960);
    const layer = sealed(disk, leaf);
    expect(layer.fileBytes).toBe((4 + 10 + 1) * MIB);
    expect(allocatedBytes(leaf)).toBeLessThanOrEqual(10 * 4096 + 64 * 1024);
  });

  it('takes next to nothing when it is empty, on the largest disk too', () => {
    const folder = scratchFolder();
    const [base, leaf] = ['base.vhdx', 'leaf.vhdx'].map((name) => path.join(folder, name));
    createVhdx(base, { sizeBytes: 64 * GIB });
    const disk = openSandbox({ chain: base, sandboxPath: leaf });
    disk.seal();
    disk.close();
    for (const file of [base, leaf]) expect(allocatedBytes(file)).toBeLessThan(48 * 1024);

    const huge = path.join(folder, 'huge.vhdx');
    const largest = createDisk(huge, { sizeBytes: 64 * 1024 * GIB });
    largest.write(pattern(4096, 1), 64 * 1024 * GIB - 4096);
    expect([...largest.extents(0, largest.sizeBytes)].length).toBeLessThanOrEqual(2);
    largest.seal();
    largest.close();
    expect(allocatedBytes(huge)).toBeLessThan(64 * 1024);
    const chain = openChain(huge);
    const read = Buffer.alloc(4096);
    chain.read(read, chain.sizeBytes - 4096);
    expect(read.equals(pattern(4096, 1))).toBe(true);
    chain.close();
  });

  it('has two headers, one number apart, that agree; the second is current', () => {
    const { disk, leaf, base } = sandboxOnData();
    disk.close();
    fs.rmSync(leaf);
    const bytes = fs.readFileSync(base);
    const [one, two] = [65536, 131072].map((at) => bytes.subarray(at, at + 4096));
    expect(two.readBigUInt64LE(8)).toBe(one.readBigUInt64LE(8) + 1n);
    expect(two.subarray(16, 80).equals(one.subarray(16, 80))).toBe(true);
  });
});
