import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { contents, MIB, pattern, scratchFolder } from './scratch.ts';

/** A folder with base.vhdx (16 MiB, data in blocks 0 to 3) and names of files in it. */
function folderWithBase(sizeBytes = 16 * MIB) {
  const folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  const disk = createDisk(at('base.vhdx'), { sizeBytes });
  disk.write(pattern(Math.min(4 * MIB, sizeBytes), 1), 0);
  disk.seal();
  disk.close();
  return { folder, at, base: at('base.vhdx') };
}

const refusal = (code: string) => expect.objectContaining({ code }) as Error;

describe('a chain', () => {
  it('is found from its leaf alone, and is the same when it is listed', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    createChild(at('b.vhdx'), at('a.vhdx'));
    const found = openChain(at('b.vhdx'));
    expect(found.layers.map((layer) => path.basename(layer.path))).toEqual(['b.vhdx', 'a.vhdx', 'base.vhdx']);
    const listed = openChain([at('b.vhdx'), at('a.vhdx'), base]);
    expect(contents(listed).equals(contents(found))).toBe(true);
    found.close();
    listed.close();
  });

  it('gives its disk one identity, and every file its own', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    const chain = openChain(at('a.vhdx'));
    const [leaf, root] = chain.layers;
    expect(leaf.metadata.virtualDiskId).toBe(root.metadata.virtualDiskId);
    expect(leaf.metadata.physicalSectorBytes).toBe(root.metadata.physicalSectorBytes);
    expect(leaf.dataWriteGuid).not.toBe(root.dataWriteGuid);
    const entries = leaf.locator!.entries;
    expect(Object.fromEntries(entries)).toMatchObject({
      parent_linkage: `{${root.dataWriteGuid}}`,
      relative_path: '.\\base.vhdx',
    });
    expect(entries.get('absolute_win32_path')).toMatch(/^\\\\\?\\.*\\base\.vhdx$/);
    chain.close();
  });

  it('is found in another folder by its relative path, and beside the child by name', () => {
    const { at, base, folder } = folderWithBase();
    fs.mkdirSync(at('children'));
    createChild(at('children/a.vhdx'), base);
    const chain = openChain(at('children/a.vhdx'));
    expect(chain.layers[0].locator!.entries.get('relative_path')).toBe('..\\base.vhdx');
    expect(chain.layers[1].path).toBe(base);
    chain.close();
    fs.renameSync(base, at('children/base.vhdx'));
    const moved = openChain(path.join(folder, 'children', 'a.vhdx'));
    expect(moved.layers[1].path).toBe(at('children/base.vhdx'));
    moved.close();
  });

  it('accepts a parent that only the second linkage names', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    const bytes = fs.readFileSync(at('a.vhdx'));
    const key = Buffer.from('parent_linkage', 'utf16le');
    const keyAt = bytes.indexOf(key);
    const linkage = bytes.subarray(keyAt + key.length, keyAt + key.length + 76);
    const value = linkage.toString('utf16le');
    // The entry's key grows by one character: parent_linkage2 at the end of the item, everything else stays.
    const item = 2 * MIB + 65536 + 40;
    const end = 8192;
    Buffer.from(`parent_linkage2${value}`, 'utf16le').copy(bytes, item + end);
    bytes.writeUInt32LE(end, item + 20);
    bytes.writeUInt32LE(end + 30, item + 24);
    bytes.writeUInt16LE(30, item + 28);
    bytes.writeUInt32LE(end + 30 + 76, 2 * MIB + 32 + 5 * 32 + 20);
    fs.writeFileSync(at('a.vhdx'), bytes);
    openChain(at('a.vhdx')).close();
  });
});

describe('a chain is refused', () => {
  it('when the parent is gone, saying where it was looked for', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    fs.rmSync(base);
    expect(() => openChain(at('a.vhdx'))).toThrow(refusal('VHDX_PARENT_NOT_FOUND'));
    expect(() => openChain(at('a.vhdx'))).toThrow(base);
  });

  it('when the parent was replaced', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    fs.rmSync(base);
    createVhdx(base, { sizeBytes: 16 * MIB });
    expect(() => openChain(at('a.vhdx'))).toThrow(refusal('VHDX_PARENT_MISMATCH'));
    expect(() => openChain([at('a.vhdx'), base])).toThrow(refusal('VHDX_PARENT_MISMATCH'));
  });

  it('when the list ends early or goes on too long', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    expect(() => openChain([at('a.vhdx')])).toThrow(refusal('VHDX_CHAIN_INCOMPLETE'));
    expect(() => openChain([base, at('a.vhdx')])).toThrow(refusal('VHDX_CHAIN_TOO_LONG'));
  });

  it('when a disk is its own ancestor', () => {
    const { at, base } = folderWithBase();
    createChild(at('a.vhdx'), base);
    fs.renameSync(at('a.vhdx'), base);
    expect(() => openChain(base)).toThrow(refusal('VHDX_CHAIN_CYCLE'));
  });

  it('beyond 256 layers, and works up to there', () => {
    const { at, base } = folderWithBase(MIB);
    const disk = openSandbox({ chain: base, sandboxPath: at('2.vhdx') });
    const paths = [base];
    for (let layer = 2; layer <= 256; layer++) {
      disk.write(pattern(512, layer), (layer % 2000) * 512);
      paths.unshift(at(`${layer}.vhdx`));
      if (layer < 256) disk.seal(at(`${layer + 1}.vhdx`));
      else expect(() => disk.seal(at('257.vhdx'))).toThrow(refusal('VHDX_CHAIN_TOO_DEEP'));
    }
    expect(fs.existsSync(at('257.vhdx'))).toBe(false);
    disk.seal();
    const expected = contents(disk);
    disk.close();
    const chain = openChain(paths[0]);
    expect(chain.layers.length).toBe(256);
    expect(contents(chain).equals(expected)).toBe(true);
    chain.close();
    expect(() => openSandbox({ chain: paths, sandboxPath: at('257.vhdx') })).toThrow(
      refusal('VHDX_CHAIN_TOO_DEEP'),
    );
    expect(() => createChild(at('257.vhdx'), paths[0])).toThrow(refusal('VHDX_CHAIN_TOO_DEEP'));
    expect(fs.existsSync(at('257.vhdx'))).toBe(false);
  });
});

describe('a difference larger than its parent', () => {
  it('reads zeros past the parent, in the middle of a block too', () => {
    const { at, base } = folderWithBase(3 * MIB + 4096);
    createChild(at('a.vhdx'), base, { sizeBytes: 8 * MIB });
    const chain = openChain(at('a.vhdx'));
    const expected = Buffer.alloc(8 * MIB);
    pattern(3 * MIB + 4096, 1).copy(expected);
    expect(contents(chain).equals(expected)).toBe(true);
    chain.close();
  });

  it('shows nothing of a still older disk that was larger than the parent', () => {
    const { at, base } = folderWithBase(4 * MIB);
    const small = openSandbox({ chain: base, sandboxPath: at('small.vhdx'), sizeBytes: 2 * MIB - 512 });
    small.seal();
    small.close();
    createChild(at('large.vhdx'), at('small.vhdx'), { sizeBytes: 4 * MIB });
    const chain = openChain(at('large.vhdx'));
    const expected = Buffer.alloc(4 * MIB);
    pattern(4 * MIB, 1).copy(expected, 0, 0, 2 * MIB - 512);
    expect(contents(chain).equals(expected)).toBe(true);
    chain.close();
  });
});
