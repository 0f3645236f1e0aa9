/** What changes finished files in place, on files of the host, judged by other programs' readers. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openChain } from '../../../src/vhdx/chain.ts';
import { createChild, createFixed, createVhdx } from '../../../src/vhdx/create.ts';
import { openForChange, openLocked } from '../../../src/vhdx/edit/open.ts';
import { checkChain } from '../../../src/vhdx/operations/check.ts';
import { compactDisk } from '../../../src/vhdx/operations/compact.ts';
import { mergeDisk } from '../../../src/vhdx/operations/merge-disk.ts';
import { rebase } from '../../../src/vhdx/operations/rebase.ts';
import { resizeDisk } from '../../../src/vhdx/operations/resize.ts';
import { trimDisk } from '../../../src/vhdx/operations/trim.ts';
import { describeWith } from '../../support/needs.ts';
import { childFile, DAMAGES } from '../damage.ts';
import { contents, GIB, MIB, pattern, scratchFolder } from '../scratch.ts';

function run<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

function change(file: string, ...writes: readonly (readonly [at: number, bytes: Uint8Array])[]): void {
  const disk = openForChange(file);
  for (const [at, bytes] of writes) disk.write(bytes, at);
  disk.close();
}

function shown(file: string): Buffer {
  const chain = openChain(file);
  try {
    return contents(chain);
  } finally {
    chain.close();
  }
}

/** The virtual disk as 7-Zip sees it, with nothing to complain about. */
function sevenZip(file: string): Buffer {
  const test = spawnSync('7zz', ['t', file], { encoding: 'utf8' });
  expect(test.stdout + test.stderr).not.toMatch(/WARNING|ERROR/);
  return execFileSync('7zz', ['x', '-so', file], { maxBuffer: GIB, stdio: ['ignore', 'pipe', 'ignore'] });
}

/** base.vhdx <- middle.vhdx <- leaf.vhdx, of 8 MiB, each with data of its own; names them leaf first. */
function chainOfThree(): { folder: string; leaf: string; middle: string; base: string } {
  const folder = scratchFolder();
  const [leaf, middle, base] = ['leaf', 'middle', 'base'].map((name) => path.join(folder, `${name}.vhdx`));
  createVhdx(base, { sizeBytes: 8 * MIB });
  change(base, [0, pattern(3 * MIB, 1)], [6 * MIB, pattern(MIB, 2)]);
  createChild(middle, base);
  change(middle, [MIB, pattern(MIB, 3)], [4096, pattern(512, 4)], [6 * MIB, new Uint8Array(MIB)]);
  createChild(leaf, middle);
  change(leaf, [2 * MIB + 512, pattern(4096, 5)]);
  return { folder, leaf, middle, base };
}

const code = (expected: string) => expect.objectContaining({ code: expected }) as unknown;

describe('a file that is changed in place', () => {
  it('is not changed by two at once', () => {
    const { leaf } = chainOfThree();
    const held = openLocked(leaf);
    expect(() => openForChange(leaf)).toThrow(code('VHDX_IN_USE'));
    held.close();
    openForChange(leaf).close();
    expect(fs.readdirSync(path.dirname(leaf)).sort()).toEqual(['base.vhdx', 'leaf.vhdx', 'middle.vhdx']);
  });

  it('is left as it was when it turns out to be damaged', () => {
    const { leaf, middle } = chainOfThree();
    fs.truncateSync(middle, fs.statSync(middle).size - MIB);
    const before = fs.readFileSync(leaf);
    expect(() => openForChange(leaf)).toThrow(code('VHDX_BLOCK_PAST_END'));
    expect(fs.readFileSync(leaf).equals(before)).toBe(true);
    expect(fs.readdirSync(path.dirname(leaf)).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });
});

describe('resizing', () => {
  it('refuses what its children would be lost by, unless told', () => {
    const { middle, leaf } = chainOfThree();
    expect(() => run(resizeDisk(middle, 16 * MIB))).toThrow(code('VHDX_HAS_CHILDREN'));
    run(resizeDisk(middle, 16 * MIB, { orphanChildren: true }));
    expect(() => openChain(leaf)).toThrow(code('VHDX_PARENT_MISMATCH'));
  });

  it('refuses sizes that the format does not have, and changes nothing', () => {
    const { leaf } = chainOfThree();
    const before = fs.readFileSync(leaf);
    for (const size of [0, 1000, 65 * 1024 ** 4]) {
      expect(() => run(resizeDisk(leaf, size))).toThrow(code('VHDX_GEOMETRY'));
    }
    expect(fs.readFileSync(leaf).equals(before)).toBe(true);
  });

  it('gives a fixed disk all its blocks, and takes back what it loses', () => {
    const file = path.join(scratchFolder(), 'fixed.vhdx');
    run(createFixed(file, { sizeBytes: 4 * MIB }));
    change(file, [0, pattern(4 * MIB, 1)]);
    const before = shown(file);
    run(resizeDisk(file, 7 * MIB));
    expect(openChain(file).layers[0].allocatedBlocks).toBe(7);
    expect(shown(file).equals(Buffer.concat([before, Buffer.alloc(3 * MIB)]))).toBe(true);
    const { size } = fs.statSync(file);
    run(resizeDisk(file, 2 * MIB));
    expect(openChain(file).layers[0].allocatedBlocks).toBe(2);
    expect(fs.statSync(file).size).toBe(size - 5 * MIB);
    expect(shown(file).equals(before.subarray(0, 2 * MIB))).toBe(true);
  });
});

describe('resizing a difference that is marked as fixed', () => {
  it('hides nothing of its parent: it has only its own blocks', () => {
    const { middle, leaf } = chainOfThree();
    const bytes = fs.readFileSync(leaf);
    // LeaveBlocksAllocated and HasParent.
    bytes.writeUInt32LE(3, 2 * MIB + 65536 + 4);
    fs.writeFileSync(leaf, bytes);
    const before = shown(leaf);
    run(resizeDisk(leaf, 7 * MIB));
    expect(shown(leaf).equals(before.subarray(0, 7 * MIB))).toBe(true);
    run(resizeDisk(leaf, 8 * MIB));
    expect(shown(leaf).equals(Buffer.concat([before.subarray(0, 7 * MIB), Buffer.alloc(MIB)]))).toBe(true);
    expect(shown(middle).length).toBe(8 * MIB);
  });
});

describe('rebasing', () => {
  it('finds a parent again that was moved, and refuses another disk', () => {
    const { folder, middle, leaf, base } = chainOfThree();
    const before = shown(leaf);
    const elsewhere = path.join(folder, 'elsewhere', 'renamed.vhdx');
    fs.mkdirSync(path.dirname(elsewhere));
    fs.renameSync(base, elsewhere);
    expect(() => openChain(leaf)).toThrow(code('VHDX_PARENT_NOT_FOUND'));
    rebase(middle, elsewhere);
    expect(shown(leaf).equals(before)).toBe(true);
    const other = path.join(folder, 'other.vhdx');
    createVhdx(other, { sizeBytes: 8 * MIB });
    expect(() => rebase(middle, other)).toThrow(code('VHDX_PARENT_MISMATCH'));
    expect(() => rebase(elsewhere, other)).toThrow(code('VHDX_NO_PARENT'));
    expect(() => rebase(middle, leaf, { ignoreMismatch: true })).toThrow(code('VHDX_CHAIN_CYCLE'));
    expect(shown(leaf).equals(before)).toBe(true);
    rebase(middle, other, { ignoreMismatch: true });
    expect(shown(middle).subarray(0, 4096).equals(Buffer.alloc(4096))).toBe(true);
  });

  const damages = DAMAGES.filter(
    ({ code: of }) => of.startsWith('VHDX_LOCATOR_') && of !== 'VHDX_LOCATOR_MISSING',
  );
  it.each(damages)(
    'writes anew what a difference says about its parent: $what',
    ({ code: of, change: damage }) => {
      const child = childFile();
      const parent = path.join(path.dirname(child), 'base.vhdx');
      const before = shown(child);
      const bytes = fs.readFileSync(child);
      fs.writeFileSync(child, damage(bytes) ?? bytes);
      expect(() => openChain(child)).toThrow(code(of));
      const damaged = fs.readFileSync(child);
      const other = path.join(path.dirname(child), 'other.vhdx');
      createVhdx(other, { sizeBytes: 8 * MIB });
      // Another disk is refused: because it is one, or because nobody knows.
      expect(() => rebase(child, other)).toThrow(/VHDX_|identity|parent/);
      expect(fs.readFileSync(child).equals(damaged)).toBe(true);
      try {
        rebase(child, parent);
      } catch (error) {
        expect(error).toMatchObject({
          code: of,
          hint: expect.stringContaining('--ignore-id-mismatch') as string,
        });
        expect(fs.readFileSync(child).equals(damaged)).toBe(true);
        rebase(child, parent, { ignoreMismatch: true });
      }
      expect(shown(child).equals(before)).toBe(true);
      expect([...checkChain(child)].flatMap(({ findings }) => findings.listed)).toEqual([]);
    },
  );

  it('sees a disk among its own ancestors by whatever path they are reached', () => {
    const { folder, middle, leaf } = chainOfThree();
    const before = shown(leaf);
    const link = `${folder}-link`;
    fs.symlinkSync(folder, link);
    onTestFinished(() => fs.rmSync(link));
    const sameLeaf = path.join(link, path.basename(leaf));
    expect(() => rebase(middle, sameLeaf, { ignoreMismatch: true })).toThrow(code('VHDX_CHAIN_CYCLE'));
    expect(shown(leaf).equals(before)).toBe(true);
  });

  it('refuses a parent with other sectors', () => {
    const { folder, middle } = chainOfThree();
    const other = path.join(folder, 'other.vhdx');
    createVhdx(other, { sizeBytes: 8 * MIB, logicalSectorBytes: 4096 });
    expect(() => rebase(middle, other, { ignoreMismatch: true })).toThrow(code('VHDX_PARENT_GEOMETRY'));
  });
});

describe('trimming', () => {
  it('gives up blocks of zeros, and the disk reads the same', () => {
    const file = path.join(scratchFolder(), 'disk.vhdx');
    createVhdx(file, { sizeBytes: 8 * MIB });
    change(file, [0, pattern(4 * MIB, 1)]);
    const disk = openForChange(file);
    // Half a block at a time, as guests do: the file keeps the block.
    for (let at = 0; at < 2 * MIB; at += MIB / 2) disk.write(new Uint8Array(MIB / 2), at);
    disk.close();
    const before = shown(file);
    expect(run(trimDisk(file))).toEqual({ freedBlocks: 2 });
    expect(shown(file).equals(before)).toBe(true);
    const { dataWriteGuid } = openChain(file).layers[0];
    expect(run(trimDisk(file))).toEqual({ freedBlocks: 0 });
    expect(openChain(file).layers[0].dataWriteGuid).toBe(dataWriteGuid);
  });

  it('discards a range, which hides what lies below', () => {
    const { leaf, middle } = chainOfThree();
    const expected = shown(leaf).fill(0, MIB + 512, 5 * MIB);
    run(trimDisk(leaf, { offset: MIB + 512, length: 4 * MIB - 512 }));
    expect(shown(leaf).equals(expected)).toBe(true);
    expect(() => run(trimDisk(middle, { offset: 0, length: MIB }))).toThrow(code('VHDX_HAS_CHILDREN'));
    expect(() => run(trimDisk(leaf, { offset: 0, length: GIB }))).toThrow(code('DISK_OUT_OF_RANGE'));
  });
});

describe('compacting that is stopped', () => {
  it('has not touched the file while it looks, and has lost nothing after', () => {
    const file = path.join(scratchFolder(), 'disk.vhdx');
    createVhdx(file, { sizeBytes: 600 * MIB });
    const disk = openForChange(file);
    for (let block = 0; block < 600; block++) disk.write(pattern(4096, block), block * MIB);
    disk.close();
    run(trimDisk(file, { offset: 0, length: 300 * MIB }));
    const before = fs.readFileSync(file);
    const looking = compactDisk(file);
    looking.next();
    looking.return(undefined as never);
    expect(fs.readFileSync(file).equals(before)).toBe(true);
    const moving = compactDisk(file);
    for (let step = moving.next(); !step.done && fs.readFileSync(file).equals(before);) step = moving.next();
    moving.return(undefined as never);
    const stopped = openChain(file);
    for (let block = 0; block < 600; block++) {
      const bytes = Buffer.alloc(4096);
      stopped.read(bytes, block * MIB);
      expect(bytes.equals(block < 300 ? Buffer.alloc(4096) : pattern(4096, block))).toBe(true);
    }
    stopped.close();
    expect(run(compactDisk(file)).afterBytes).toBeLessThan(before.length / 2 + 8 * MIB);
  });
});

describe('merging', () => {
  it('refuses a disk without parent, and parents on which others stand', () => {
    const { folder, base, middle } = chainOfThree();
    expect(() => run(mergeDisk(base))).toThrow(code('VHDX_NO_PARENT'));
    createChild(path.join(folder, 'sibling.avhdx'), base);
    const before = fs.readFileSync(base);
    expect(() => run(mergeDisk(middle))).toThrow(code('VHDX_HAS_CHILDREN'));
    expect(fs.readFileSync(base).equals(before)).toBe(true);
  });

  it('refuses to make the parent smaller', () => {
    const { leaf } = chainOfThree();
    run(resizeDisk(leaf, 4 * MIB));
    expect(() => run(mergeDisk(leaf))).toThrow(code('VHDX_MERGE_SIZES'));
  });

  it('takes disks along that stood on the merged one, and the size of the merged one', () => {
    const { leaf, middle, base } = chainOfThree();
    run(resizeDisk(middle, 12 * MIB, { orphanChildren: true }));
    rebase(leaf, middle, { ignoreMismatch: true });
    const [before, beforeLeaf] = [shown(middle), shown(leaf)];
    expect(run(mergeDisk(middle)).relinked).toEqual([fs.realpathSync(leaf)]);
    expect(fs.existsSync(middle)).toBe(false);
    expect(shown(base).equals(before)).toBe(true);
    expect(shown(leaf).equals(beforeLeaf)).toBe(true);
    expect(openChain(leaf).layers).toHaveLength(2);
  });

  it('leaves the merged disk empty when it is kept', () => {
    const { leaf, middle } = chainOfThree();
    const before = shown(leaf);
    run(mergeDisk(leaf, { keep: true }));
    expect(openChain(leaf).layers[0].allocatedBlocks).toBe(0);
    for (const file of [leaf, middle]) expect(shown(file).equals(before)).toBe(true);
  });

  it('is finished by the next one when it is stopped anywhere', () => {
    for (let stopAfter = 1; stopAfter < 4; stopAfter++) {
      const { leaf, middle } = chainOfThree();
      const before = shown(leaf);
      const work = mergeDisk(leaf);
      for (let i = 0; i < stopAfter; i++) work.next();
      work.return(undefined as never);
      if (fs.existsSync(leaf)) {
        expect(shown(leaf).equals(before)).toBe(true);
        run(mergeDisk(leaf));
      }
      expect(shown(middle).equals(before)).toBe(true);
    }
  });
});

describeWith(['7zz'], '7-Zip finds nothing wrong', () => {
  it('with differences that were written, trimmed, compacted and resized in place', () => {
    const { leaf, middle } = chainOfThree();
    run(trimDisk(leaf, { offset: 0, length: 3 * MIB }));
    change(leaf, [5 * MIB, pattern(2 * MIB, 9)], [512, pattern(1024, 8)]);
    run(trimDisk(leaf, { offset: 5 * MIB, length: MIB }));
    const before = shown(leaf);
    run(compactDisk(leaf));
    expect(sevenZip(leaf).equals(before)).toBe(true);
    run(mergeDisk(leaf));
    expect(sevenZip(middle).equals(before)).toBe(true);
  });
});

describeWith(['qemu-img'], 'qemu-img finds nothing wrong', () => {
  const check = (file: string) => execFileSync('qemu-img', ['check', file], { encoding: 'utf8' });

  it('with disks whose block table moved, and moved back', () => {
    const file = path.join(scratchFolder(), 'disk.vhdx');
    createVhdx(file, { sizeBytes: 8 * MIB });
    change(file, [0, pattern(5 * MIB, 1)]);
    const before = shown(file);
    run(resizeDisk(file, 300 * GIB));
    expect(check(file)).toContain('No errors');
    change(file, [299 * GIB, pattern(MIB, 2)]);
    expect(check(file)).toContain('No errors');
    run(resizeDisk(file, 8 * MIB));
    run(compactDisk(file));
    expect(check(file)).toContain('No errors');
    expect(shown(file).equals(before)).toBe(true);
  });

  it('with a file of its own, written to by us, and the other way round', () => {
    const file = path.join(scratchFolder(), 'disk.vhdx');
    execFileSync('qemu-img', ['create', '-q', '-f', 'vhdx', '-o', 'block_size=2M', file, '64M']);
    execFileSync('qemu-io', ['-f', 'vhdx', '-c', 'write -q -P 7 1M 5M', file]);
    change(file, [3 * MIB + 512, pattern(2 * MIB, 3)], [40 * MIB, pattern(512, 4)]);
    expect(check(file)).toContain('No errors');
    execFileSync('qemu-io', ['-f', 'vhdx', '-c', 'write -q -P 9 50M 64k', file]);
    const raw = `${file}.raw`;
    execFileSync('qemu-img', ['convert', '-O', 'raw', file, raw]);
    const disk = shown(file);
    expect(fs.readFileSync(raw).equals(disk)).toBe(true);
    expect(disk.subarray(3 * MIB + 512, 5 * MIB + 512).equals(pattern(2 * MIB, 3))).toBe(true);
  });
});
