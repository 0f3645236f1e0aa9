/** What other programs make of our files, and we of theirs. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { ReadableDisk } from '../../src/disk/disk.ts';
import { openRawDisk } from '../../src/disk/file-disk.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { describeWith } from '../support/needs.ts';
import { allocatedBytes, contents, GIB, MIB, pattern, scratchFolder } from './scratch.ts';

const DISK_BYTES = 24 * MIB;

/** Makes base.vhdx and `depth - 1` differences in a folder; returns the files leaf first and what the leaf shows. */
function makeChain(folder: string, depth: number, options: { logicalSectorBytes?: number } = {}) {
  const nameOf = (layer: number) => path.join(folder, layer === 0 ? 'base.vhdx' : `layer${layer}.vhdx`);
  const model = Buffer.alloc(DISK_BYTES);
  const disk = createDisk(nameOf(0), { sizeBytes: DISK_BYTES, ...options });
  const write = (at: number, length: number, seed: number) => {
    const bytes = pattern(length, seed);
    disk.write(bytes, at);
    bytes.copy(model, at);
  };
  write(0, 3 * MIB, 1);
  write(10 * MIB - 4096, 8192, 2);
  for (let layer = 1; layer < depth; layer++) {
    disk.seal(nameOf(layer));
    write(layer * 40960, 4096, layer + 10);
    write(((4 + layer) % 24) * MIB, MIB, layer + 20);
    write(23 * MIB + layer * 12288, 20480, layer + 30);
  }
  disk.seal();
  disk.close();
  return { files: Array.from({ length: depth }, (_, i) => nameOf(depth - 1 - i)), model };
}

/** The virtual disk as 7-Zip sees it. It must have nothing to complain about. */
function sevenZip(file: string): Buffer {
  const test = spawnSync('7zz', ['t', file], { encoding: 'utf8' });
  expect(test.stdout + test.stderr).not.toMatch(/WARNING|ERROR/);
  expect(test.status).toBe(0);
  return execFileSync('7zz', ['x', '-so', file], { maxBuffer: 2 * GIB, stdio: ['ignore', 'pipe', 'ignore'] });
}

describeWith(['7zz'], '7-Zip reads our chains', () => {
  for (const depth of [1, 2, 20]) {
    it(`of ${depth} layers byte for byte`, () => {
      const { files, model } = makeChain(scratchFolder(), depth);
      expect(sevenZip(files[0]).equals(model)).toBe(true);
    });
  }

  it('with sectors of 4096 bytes', () => {
    const { files, model } = makeChain(scratchFolder(), 3, { logicalSectorBytes: 4096 });
    expect(sevenZip(files[0]).equals(model)).toBe(true);
  });

  it('with blocks that hide data below as zeros', () => {
    const { files, model } = makeChain(scratchFolder(), 2);
    const leaf = path.join(path.dirname(files[0]), 'leaf.vhdx');
    const disk = openSandbox({ chain: files, sandboxPath: leaf });
    disk.zero(MIB, MIB);
    disk.zero(4096, 8192);
    disk.write(pattern(512, 5), 2 * MIB - 1024);
    model.fill(0, MIB, 2 * MIB).fill(0, 4096, 12288);
    pattern(512, 5).copy(model, 2 * MIB - 1024);
    disk.seal();
    disk.close();
    expect(sevenZip(leaf).equals(model)).toBe(true);
  });

  it('whose blocks have different sizes', () => {
    const folder = scratchFolder();
    const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
    const disk = createDisk(base, { sizeBytes: DISK_BYTES, blockBytes: 4 * MIB });
    disk.write(pattern(6 * MIB, 1), MIB);
    disk.seal();
    disk.close();
    const sandbox = openSandbox({ chain: base, sandboxPath: child, blockBytes: 2 * MIB });
    sandbox.write(pattern(4096, 2), 5 * MIB);
    const model = contents(sandbox);
    sandbox.seal();
    sandbox.close();
    expect(sevenZip(child).equals(model)).toBe(true);
  });
});

describeWith(['qemu-img'], 'qemu-img and our bases', () => {
  it('finds no fault in an empty one of 64 GiB', () => {
    const file = path.join(scratchFolder(), 'empty.vhdx');
    createVhdx(file, { sizeBytes: 64 * GIB });
    expect(execFileSync('qemu-img', ['check', file], { encoding: 'utf8' })).toContain('No errors');
  });

  it('checks and reads what was written, discarded and sealed', () => {
    const folder = scratchFolder();
    const { files, model } = makeChain(folder, 1);
    const again = path.join(folder, 'again.vhdx');
    const disk = createDisk(again, { sizeBytes: DISK_BYTES });
    disk.write(pattern(5 * MIB, 9), 0);
    disk.zero(0, 5 * MIB);
    disk.write(model.subarray(0, 3 * MIB), 0);
    disk.write(model.subarray(9 * MIB, 11 * MIB), 9 * MIB);
    disk.seal();
    disk.close();
    const raw = path.join(folder, 'model.raw');
    fs.writeFileSync(raw, model);
    for (const file of [files[0], again]) {
      execFileSync('qemu-img', ['check', file]);
      execFileSync('qemu-img', ['compare', '-f', 'vhdx', '-F', 'raw', file, raw]);
    }
  });

  for (const subformat of ['dynamic', 'fixed', 'fixed,block_state_zero=off']) {
    it(`makes ${subformat} files that we read`, () => {
      const folder = scratchFolder();
      const { files, model } = makeChain(folder, 1);
      const theirs = path.join(folder, 'theirs.vhdx');
      const options = `subformat=${subformat},block_size=2M`;
      execFileSync('qemu-img', ['convert', '-O', 'vhdx', '-o', options, files[0], theirs]);
      const chain = openChain(theirs);
      expect(contents(chain).equals(model)).toBe(true);
      chain.close();
    });
  }
});

const READ_WITH_LIBVHDI = `
import pyvhdi, sys
opened = []
for name in reversed(sys.argv[1:]):
    disk = pyvhdi.file()
    disk.open(name)
    if opened: disk.set_parent(opened[-1])
    opened.append(disk)
size = opened[-1].get_media_size()
for at in range(0, size, 1 << 20):
    sys.stdout.buffer.write(opened[-1].read_buffer_at_offset(min(1 << 20, size - at), at))
`;

describeWith(['python:pyvhdi'], 'libvhdi reads our chains', () => {
  for (const depth of [1, 2, 20]) {
    it(`of ${depth} layers byte for byte`, () => {
      const { files, model } = makeChain(scratchFolder(), depth);
      const read = execFileSync('/usr/bin/python3', ['-c', READ_WITH_LIBVHDI, ...files], { maxBuffer: GIB });
      expect(read.equals(model)).toBe(true);
    });
  }
});

describeWith(['vhdimount', 'root', '/dev/fuse'], 'libvhdi finds parents by itself', () => {
  it('through the absolute path and the name beside the child', () => {
    const folder = scratchFolder();
    const { files, model } = makeChain(folder, 3);
    const mountPoint = path.join(folder, 'mnt');
    fs.mkdirSync(mountPoint);
    execFileSync('vhdimount', [files[0], mountPoint], { stdio: 'ignore' });
    try {
      const disk = openRawDisk(path.join(mountPoint, 'vhdi3'));
      expect(contents(disk).equals(model)).toBe(true);
      disk.close();
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

  function part(disk: ReadableDisk, offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    disk.read(bytes, offset);
    return bytes;
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

  it('are refused while their log holds changes, and not touched', () => {
    const file = unpack('vhdx-log-replay.vhdx');
    const before = fs.readFileSync(file);
    expect(() => openChain(file)).toThrow(expect.objectContaining({ code: 'VHDX_LOG_NOT_EMPTY' }));
    expect(fs.readFileSync(file).equals(before)).toBe(true);
  });
});
