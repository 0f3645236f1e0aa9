import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { foldName } from '../../../src/fs/windows/names.ts';
import { WindowsReader } from '../../../src/fs/windows/windows-reader.ts';
import { describeWith } from '../../support/needs.ts';
import { codeOf, plant } from '../scratch.ts';
import {
  makeJunction,
  makeReparsePoint,
  makeWindowsLink,
  NTFS_NEEDS,
  ntfsVolume,
  type NtfsNames,
} from './ntfs-volume.ts';

const VOLUME = '\\??\\Volume{12345678-1234-1234-1234-123456789abc}\\';

function readerOf(root: string): WindowsReader {
  return new WindowsReader(root, { label: 'the guest', isGuest: true });
}

describeWith(NTFS_NEEDS, 'a path in a Windows guest on NTFS', () => {
  describe.each<NtfsNames>(['ignoring case', 'by the letter'])('that is looked up %s', (names) => {
    const volume = ntfsVolume(names);
    const traced = (root: string, guestPath: string): string =>
      foldName(readerOf(root).trace(guestPath).names.join('\\'));

    it('finds files however they are spelled', () => {
      const root = plant(volume.folder(), { 'Program Files/App/App.EXE': 'MZ' });
      const { stat, hostPath } = readerOf(root).trace('/PROGRAM FILES/app/aPP.exe');
      expect(stat?.size).toBe(2);
      expect(existsSync(hostPath)).toBe(true);
    });

    it('follows junctions and links to C: and beside them', () => {
      const root = plant(volume.folder(), { 'data/sub/file': 'F' });
      makeJunction(`${root}/junction`, '\\??\\C:\\data');
      makeJunction(`${root}/chained`, '\\??\\c:\\JUNCTION\\sub');
      makeWindowsLink(`${root}/absolute`, '\\??\\C:\\data\\sub', 'dir');
      makeWindowsLink(`${root}/rooted`, '\\data', 'dir');
      makeWindowsLink(`${root}/data/relative`, '..\\junction\\sub', 'dir');
      makeWindowsLink(`${root}/root`, '\\??\\C:\\', 'dir');
      for (const way of [
        '/junction/sub',
        '/chained',
        '/absolute',
        '/rooted/sub',
        '/data/relative',
        '/root/root/data/sub',
      ]) {
        expect(traced(root, `${way}/file`)).toBe('DATA\\SUB\\FILE');
        expect(traced(root, `${way}/new/file`)).toBe('DATA\\SUB\\NEW\\FILE');
      }
    });

    it('keeps a link in the last place when asked to', () => {
      const root = plant(volume.folder(), { 'd/': '' });
      makeJunction(`${root}/j`, '\\??\\C:\\d');
      expect(path.basename(readerOf(root).trace('/j', false).hostPath)).toBe('j');
    });

    it('takes .. in a link by its text, and stays at the root', () => {
      const root = plant(volume.folder(), { 'a/b/': '', 'x/': '' });
      makeJunction(`${root}/j`, '\\??\\C:\\a\\b');
      makeWindowsLink(`${root}/x/up`, '..\\j\\..\\x', 'dir');
      makeWindowsLink(`${root}/x/far`, '..\\..\\..\\..\\..\\a', 'dir');
      expect(traced(root, '/x/up/file')).toBe('X\\FILE');
      expect(traced(root, '/x/far/file')).toBe('A\\FILE');
    });

    it.each([
      ['another drive', '\\??\\D:\\data'],
      ['another drive itself', '\\??\\D:\\'],
      ['a mounted volume', VOLUME],
      ['a folder of another volume', `${VOLUME}folder\\`],
    ])('is refused where a junction leads to %s', async (_, target) => {
      const root = plant(volume.folder(), { 'data/': '', 'folder/': '' });
      makeJunction(`${root}/out`, target);
      expect(await codeOf(() => readerOf(root).trace('/out/data'))).toBe('FS_LINK_OUTSIDE');
      expect(await codeOf(() => readerOf(root).trace('/out'))).toBe('FS_LINK_OUTSIDE');
      expect(readerOf(root).trace('/out', false).stat?.isSymbolicLink()).toBe(true);
    });

    it.each([
      ['a share', '\\??\\UNC\\server\\share'],
      ['another drive', '\\??\\Z:\\x'],
      ['a device', '\\??\\GLOBALROOT\\Device\\Null'],
    ])('is refused where a symbolic link leads to %s', async (_, target) => {
      const root = volume.folder();
      makeWindowsLink(`${root}/out`, target, 'dir');
      expect(await codeOf(() => readerOf(root).trace('/out/file'))).toBe('FS_LINK_OUTSIDE');
    });

    it('is refused where links go in circles', async () => {
      const root = volume.folder();
      makeJunction(`${root}/a`, '\\??\\C:\\b');
      makeJunction(`${root}/b`, '\\??\\C:\\a\\x');
      makeWindowsLink(`${root}/self`, 'self', 'dir');
      expect(await codeOf(() => readerOf(root).trace('/a/file'))).toBe('FS_LINK_LOOP');
      expect(await codeOf(() => readerOf(root).trace('/self'))).toBe('FS_LINK_LOOP');
    });

    it.each([
      ['deduplicated data', 0x8000_0013],
      ['a placeholder of OneDrive', 0x9000_001a],
      ['another placeholder of OneDrive', 0x9000_701a],
      ['who knows what', 0x8000_7777],
    ])('is refused where it leads through %s', async (_, tag) => {
      const root = volume.folder();
      makeReparsePoint(`${root}/point`, tag, 'dir');
      makeReparsePoint(`${root}/file`, tag);
      expect(await codeOf(() => readerOf(root).trace('/point/file'))).toBe('FS_REPARSE_POINT');
      expect(await codeOf(() => readerOf(root).trace('/file'))).toBe('FS_REPARSE_POINT');
    });

    it('is refused through a file, and with names that Windows does not have', async () => {
      const root = plant(volume.folder(), { file: '' });
      makeWindowsLink(`${root}/stream`, 'file:hidden');
      makeWindowsLink(`${root}/device`, '..\\nul');
      expect(await codeOf(() => readerOf(root).trace('/file/below'))).toBe('FS_NOT_A_DIRECTORY');
      for (const name of ['/con', '/file:hidden', '/a/b.', '/stream', '/device', '/a\0b', '/a\\..\\b'])
        expect(await codeOf(() => readerOf(root).trace(name))).toBe('FS_NAME_INVALID');
    });

    it.runIf(names === 'ignoring case')('finds a file by its short name too, and a junction', () => {
      const root = plant(volume.folder(), { 'Long directory/file': 'F', 'target/': '' });
      makeJunction(`${root}/Long junction`, '\\??\\C:\\target');
      for (const [long, short] of [
        ['Long directory', 'LONGDI~1'],
        ['Long junction', 'LONGJU~1'],
      ] as const)
        execFileSync('setfattr', ['-h', '-n', 'system.ntfs_dos_name', '-v', short, `${root}/${long}`]);
      expect(traced(root, '/longdi~1/file')).toBe('LONG DIRECTORY\\FILE');
      expect(traced(root, '/LONGJU~1/file')).toBe('TARGET\\FILE');
    });

    it.runIf(names === 'by the letter')(
      'is refused where two names in one place leave open which it is',
      async () => {
        const root = plant(volume.folder(), { 'foo/': '' });
        makeJunction(`${root}/FOO`, VOLUME);
        expect(await codeOf(() => readerOf(root).trace('/foo/x'))).toBe('FS_REPARSE_POINT');
        expect(await codeOf(() => readerOf(root).trace('/FOO/x'))).toBe('FS_LINK_OUTSIDE');
      },
    );

    it('never leaves the volume, and leads where Windows’ rules say, whatever the tree', () => {
      fc.assert(
        fc.property(
          fc.array(plantedNode, { maxLength: 8 }),
          fc.array(wanted, { maxLength: 6 }),
          (nodes, paths) => {
            const root = volume.folder();
            const tree = build(root, nodes);
            for (const guestPath of paths) expect(outcome(root, guestPath)).toBe(predict(tree, guestPath));
            rmSync(root, { recursive: true });
          },
        ),
        { numRuns: 30 },
      );
    });
  });
});

type Node = 'directory' | 'file' | { readonly link: string };
/** By folded path with backslashes. */
type Tree = Map<string, Node>;

const name = fc.constantFrom('a', 'b', 'c', 'B');
const place = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('\\'));
const target = fc.oneof(
  place.map((to) => `\\??\\C:\\${to}`),
  place.map((to) => `\\??\\C:\\a\\..\\${to}`),
  place,
  place.map((to) => `..\\${to}`),
  place.map((to) => `..\\..\\..\\..\\${to}`),
  place.map((to) => `\\${to}`),
  fc.constantFrom('\\??\\D:\\a', `${VOLUME}a`, '\\??\\UNC\\a\\b', '\\??\\C:\\', '.', '..\\..\\etc'),
);
const plantedNode = fc.tuple(
  place,
  fc.oneof(
    fc.constant<Node>('directory'),
    fc.constant<Node>('file'),
    target.map((link): Node => ({ link })),
    target.map((link): Node => ({ link })),
  ),
);
const wanted = fc
  .array(fc.oneof(name, fc.constantFrom('..', '.', '', 'new')), { maxLength: 6 })
  .map((names) => '/' + names.join('/'));

/** Makes what can be made, in order. */
function build(root: string, nodes: readonly (readonly [string, Node])[]): Tree {
  const tree: Tree = new Map([['', 'directory']]);
  for (const [where, node] of nodes) {
    const names = where.split('\\');
    const parents = names.slice(0, -1).map((_, at) => names.slice(0, at + 1).join('\\'));
    const blocked = parents.some((parent) => (tree.get(foldName(parent)) ?? 'directory') !== 'directory');
    if (blocked || tree.has(foldName(where))) continue;
    const actual = names.reduce((at, one) => `${at}/${spelled(at, one)}`, root);
    mkdirSync(path.dirname(actual), { recursive: true });
    for (const parent of parents) tree.set(foldName(parent), 'directory');
    tree.set(foldName(where), node);
    if (node === 'directory') mkdirSync(actual);
    else if (node === 'file') writeFileSync(actual, '');
    else makeWindowsLink(actual, node.link, 'dir');
  }
  return tree;
}

function spelled(directory: string, wantedName: string): string {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.find((one) => foldName(one) === foldName(wantedName)) ?? wantedName;
}

/** The rules as a rewriting of text: the first link in a path gives way to its target, until none is left. */
function predict(tree: Tree, guestPath: string): string {
  let names = clean(guestPath.split('/'));
  for (let links = 0; links <= 40; links++) {
    const at = names.findIndex((_, depth) => typeof nodeAt(tree, names.slice(0, depth + 1)) === 'object');
    const before = at < 0 ? names.slice(0, -1) : names.slice(0, at);
    if (before.some((_, depth) => nodeAt(tree, names.slice(0, depth + 1)) === 'file'))
      return 'FS_NOT_A_DIRECTORY';
    if (at < 0) return foldName(names.join('\\'));
    const { link } = nodeAt(tree, names.slice(0, at + 1)) as { link: string };
    const onC = /^\\\?\?\\C:(.*)$/.exec(link)?.[1];
    if (link.startsWith('\\??\\') && onC === undefined) return 'FS_LINK_OUTSIDE';
    const isRelative = onC === undefined && !link.startsWith('\\');
    const to = clean([...(isRelative ? names.slice(0, at) : []), ...(onC ?? link).split('\\')]);
    names = [...to, ...names.slice(at + 1)];
  }
  return 'FS_LINK_LOOP';
}

function nodeAt(tree: Tree, names: readonly string[]): Node | undefined {
  return tree.get(foldName(names.join('\\')));
}

function clean(names: readonly string[]): string[] {
  const result: string[] = [];
  for (const one of names) {
    if (one === '..') result.pop();
    else if (one !== '' && one !== '.') result.push(one);
  }
  return result;
}

function outcome(root: string, guestPath: string): string {
  try {
    const { hostPath, names } = readerOf(root).trace(guestPath);
    // What is there is really there: no link of the host's is left in the path.
    if (lstatSync(hostPath, { throwIfNoEntry: false })) expect(realpathSync(hostPath)).toBe(hostPath);
    expect(hostPath === root || hostPath.startsWith(`${root}/`)).toBe(true);
    return foldName(names.join('\\'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('FS_'))
      return String(error.code);
    throw error;
  }
}
