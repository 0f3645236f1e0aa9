import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { closeLayers, openLayers } from '../../src/vhdx/ancestry.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import type { Locator } from '../../src/vhdx/locator.ts';
import { checkChain } from '../../src/vhdx/operations/check.ts';
import { rebase } from '../../src/vhdx/operations/rebase.ts';
import { followedPaths, locatorFor, parentCandidates } from '../../src/vhdx/parent-paths.ts';
import { MIB, scratchFolder } from './scratch.ts';

const GUID = '01234567-89ab-cdef-0123-456789abcdef';

function onWindows(child: string, parent: string): Record<string, string> {
  const { parent_linkage: linkage, ...paths } = Object.fromEntries(locatorFor(child, parent, GUID, 'win32'));
  expect(linkage).toBe(`{${GUID}}`);
  return paths;
}

const locator = (entries: Record<string, string>): Locator => ({
  linkage: [],
  entries: new Map(Object.entries(entries)),
});

describe('what a child on Windows is told of its parent', () => {
  it('is a way within the drive, and the whole path', () => {
    expect(onWindows('D:\\vms\\child.vhdx', 'D:\\bases\\base.vhdx')).toEqual({
      relative_path: '..\\bases\\base.vhdx',
      absolute_win32_path: '\\\\?\\D:\\bases\\base.vhdx',
    });
    expect(onWindows('D:\\child.vhdx', 'd:\\BASES\\base.vhdx').relative_path).toBe('.\\BASES\\base.vhdx');
    expect(onWindows('C:\\a\\child.vhdx', 'C:\\a\\..base.vhdx').relative_path).toBe('.\\..base.vhdx');
  });

  it('is only the whole path when the parent is on another drive or share', () => {
    expect(onWindows('C:\\vms\\child.vhdx', 'D:\\bases\\base.vhdx')).toEqual({
      absolute_win32_path: '\\\\?\\D:\\bases\\base.vhdx',
    });
    expect(onWindows('C:\\vms\\child.vhdx', '\\\\files\\disks\\base.vhdx')).toEqual({
      absolute_win32_path: '\\\\?\\UNC\\files\\disks\\base.vhdx',
    });
    expect(onWindows('\\\\files\\vms\\child.vhdx', '\\\\files\\disks\\base.vhdx')).toEqual({
      absolute_win32_path: '\\\\?\\UNC\\files\\disks\\base.vhdx',
    });
  });

  it('is a way within a share', () => {
    expect(onWindows('\\\\files\\disks\\vms\\child.vhdx', '\\\\files\\disks\\base.vhdx')).toEqual({
      relative_path: '..\\base.vhdx',
      absolute_win32_path: '\\\\?\\UNC\\files\\disks\\base.vhdx',
    });
  });

  it('is the same for paths of the form without limits', () => {
    const plain = onWindows('C:\\vms\\child.vhdx', 'C:\\bases\\base.vhdx');
    expect(onWindows('\\\\?\\C:\\vms\\child.vhdx', 'C:\\bases\\base.vhdx')).toEqual(plain);
    expect(onWindows('C:\\vms\\child.vhdx', '\\\\?\\C:\\bases\\base.vhdx')).toEqual(plain);
    const shared = onWindows('\\\\files\\disks\\child.vhdx', '\\\\files\\disks\\old\\base.vhdx');
    expect(onWindows('\\\\?\\UNC\\files\\disks\\child.vhdx', '\\\\files\\disks\\old\\base.vhdx')).toEqual(
      shared,
    );
  });

  it('does not tell where the store of a layer lies', () => {
    expect(onWindows('C:\\Users\\Ann\\layers\\child.vhdx', 'C:\\Users\\Ann\\layers\\base.vhdx')).toEqual({
      relative_path: '.\\base.vhdx',
      absolute_win32_path: '\\\\?\\C:\\hyperfile\\base.vhdx',
    });
  });

  it('leads back to the parent, wherever the two lie', () => {
    const root = fc.constantFrom('C:\\', 'D:\\', '\\\\files\\disks\\', '\\\\other\\disks\\');
    const folders = fc.array(fc.constantFrom('a', 'b b', '..c', '\u65e5\u672c'), { maxLength: 3 });
    const file = fc.tuple(root, folders).map(([start, names]) => path.win32.join(start, ...names));
    fc.assert(
      fc.property(file, file, (childFolder, parentFolder) => {
        const [child, parent] = [`${childFolder}\\c.vhdx`, `${parentFolder}\\p.vhdx`].map((name) =>
          path.win32.normalize(name),
        );
        const told = locatorFor(child, parent, GUID, 'win32');
        expect(followedPaths(child, { linkage: [], entries: told }, 'win32')).toContain(parent);
      }),
    );
  });
});

it('what others wrote is followed on Windows as it stands there', () => {
  const written = locator({
    relative_path: '..\\bases\\base.vhdx',
    volume_path: '\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\base.vhdx',
    absolute_win32_path: '\\\\?\\UNC\\files\\disks\\old.vhdx',
  });
  expect(followedPaths('D:\\vms\\child.vhdx', written, 'win32')).toEqual([
    'D:\\bases\\base.vhdx',
    '\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\base.vhdx',
    '\\\\files\\disks\\old.vhdx',
  ]);
  expect(parentCandidates('D:\\vms\\child.vhdx', written, 'win32')).toEqual([
    'D:\\bases\\base.vhdx',
    '\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\base.vhdx',
    '\\\\files\\disks\\old.vhdx',
    'D:\\vms\\base.vhdx',
    'D:\\vms\\old.vhdx',
  ]);
});

/** `disks/deep/` with a link `short` to it, and `disks/base.vhdx`. */
function linkedFolder() {
  const folder = scratchFolder();
  const at = (...names: string[]) => path.join(folder, ...names);
  fs.mkdirSync(at('disks', 'deep'), { recursive: true });
  fs.symlinkSync(at('disks', 'deep'), at('short'));
  createVhdx(at('disks', 'base.vhdx'), { sizeBytes: MIB });
  return at;
}

const openedPaths = (leaf: string): string[] => {
  const layers = openLayers(leaf);
  closeLayers(layers);
  return layers.map((layer) => layer.path);
};

describe('a child made through a link to its folder', () => {
  it('finds its parent by either name of the folder', () => {
    const at = linkedFolder();
    createChild(at('short', 'child.vhdx'), at('disks', 'base.vhdx'));
    for (const leaf of [at('short', 'child.vhdx'), at('disks', 'deep', 'child.vhdx')]) {
      expect(openedPaths(leaf)).toEqual([leaf, at('disks', 'base.vhdx')]);
      expect([...checkChain(leaf)].flatMap(({ findings }) => findings.listed)).toEqual([]);
    }
    const [layer] = openLayers(at('short', 'child.vhdx'));
    expect(layer.locator?.entries.get('relative_path')).toBe('..\\base.vhdx');
  });

  it('is still found where the link was taken for its folder', () => {
    const at = linkedFolder();
    createChild(at('short', 'child.vhdx'), at('disks', 'base.vhdx'));
    fs.renameSync(at('disks', 'base.vhdx'), at('base.vhdx'));
    expect(openedPaths(at('short', 'child.vhdx'))).toEqual([at('short', 'child.vhdx'), at('base.vhdx')]);
  });
});

it('a disk that is put on a parent on another drive forgets the way to the old one', () => {
  const folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  createVhdx(at('base.vhdx'), { sizeBytes: MIB });
  createChild(at('child.vhdx'), at('base.vhdx'));
  // No two paths of this host lie on different drives.
  const parse = path.posix.parse.bind(path.posix);
  path.posix.parse = (name) => ({ ...parse(name), root: name.endsWith('.vhdx') ? 'E:\\' : 'C:\\' });
  onTestFinished(() => void (path.posix.parse = parse));
  rebase(at('child.vhdx'), at('base.vhdx'));
  const [child] = openLayers([at('child.vhdx'), at('base.vhdx')]);
  expect([...child.locator!.entries.keys()]).toEqual(['parent_linkage', 'absolute_win32_path']);
});
