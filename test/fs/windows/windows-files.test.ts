import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { isHyperfileError, systemCode } from '../../../src/base/error.ts';
import { openContext } from '../../../src/fs/build-context.ts';
import { Copier } from '../../../src/fs/copier.ts';
import { digestTree } from '../../../src/fs/digest-tree.ts';
import type { CopyRequest } from '../../../src/fs/guest-files.ts';
import { MountedFiles } from '../../../src/fs/mounted-files.ts';
import { findSources } from '../../../src/fs/sources.ts';
import { WindowsFiles } from '../../../src/fs/windows/windows-files.ts';
import { WindowsReader } from '../../../src/fs/windows/windows-reader.ts';
import { WindowsTree } from '../../../src/fs/windows/windows-tree.ts';
import { describeWith } from '../../support/needs.ts';
import { codeOf, plant, scratchFolder } from '../scratch.ts';
import { makeJunction, makeReparsePoint, NTFS_NEEDS, ntfsVolume, type NtfsNames } from './ntfs-volume.ts';

type Files = Readonly<Record<string, string>>;
type Entry = Parameters<ReturnType<typeof pack>['entry']>[0];

const text = (path: string): string => readFileSync(path, 'utf8');

const guestAt = (root: string): WindowsFiles => new WindowsFiles(root, { label: 'the guest' });

async function copy(
  context: string | Files,
  root: string,
  request: Partial<CopyRequest> = {},
): Promise<void> {
  const folder = typeof context === 'string' ? context : plant(scratchFolder(), context);
  const from = await openContext(folder, undefined);
  await guestAt(root).copy({ from, sources: ['.'], destination: 'C:\\', ...request });
}

async function archive(...entries: (Entry & { content?: string })[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content);
  tar.finalize();
  return buffer(tar);
}

async function extract(tar: Buffer, root: string, destination = 'C:\\'): Promise<void> {
  await guestAt(root).extract(Readable.from([tar]), { destination, archiveName: 'a.tar' });
}

/** Every file below a folder: names in capitals, as one mount gives small letters only, with content or target. */
function treeOf(root: string, below = ''): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(root + below, { withFileTypes: true })) {
    const place = `${below}/${entry.name}`;
    if (entry.isDirectory()) Object.assign(tree, { [`${place.toUpperCase()}/`]: '' }, treeOf(root, place));
    else if (entry.isSymbolicLink()) tree[place.toUpperCase()] = `-> ${readlinkSync(root + place)}`;
    else tree[place.toUpperCase()] = text(root + place);
  }
  return tree;
}

describeWith(NTFS_NEEDS, 'files of a Windows guest on NTFS', () => {
  describe.each<NtfsNames>(['ignoring case', 'by the letter'])('looked up %s', (names) => {
    const volume = ntfsVolume(names);

    describe('COPY', () => {
      it('makes the tree that the context has', async () => {
        const root = plant(volume.folder(), { 'App/old.txt': 'old', 'App/Both.txt': 'before' });
        const context = {
          'bin/app.exe': 'MZ',
          'bin/both.TXT': 'after',
          'empty/': '',
          'Üñï çødé/日本.txt': 'J',
          'links/file': '-> ../bin/app.exe',
          'links/directory': '-> ../empty',
          'links/absolute': '-> /Windows/System32',
          'links/later': '-> nowhere/yet',
        };
        await copy({ ...context }, root, { sources: ['.'], destination: 'c:\\APP\\' });
        await copy({ 'both.TXT': 'after' }, root, { sources: ['both.TXT'], destination: 'C:\\app' });
        expect(treeOf(root)).toEqual({
          '/APP/': '',
          '/APP/OLD.TXT': 'old',
          '/APP/BOTH.TXT': 'after',
          '/APP/BIN/': '',
          '/APP/BIN/APP.EXE': 'MZ',
          '/APP/BIN/BOTH.TXT': 'after',
          '/APP/EMPTY/': '',
          '/APP/ÜÑÏ ÇØDÉ/': '',
          '/APP/ÜÑÏ ÇØDÉ/日本.TXT': 'J',
          '/APP/LINKS/': '',
          '/APP/LINKS/FILE': '-> ..\\bin\\app.exe',
          '/APP/LINKS/DIRECTORY': '-> ..\\empty',
          '/APP/LINKS/ABSOLUTE': '-> C:\\Windows\\System32',
          '/APP/LINKS/LATER': '-> nowhere\\yet',
        });
      });

      it('names a file, or puts it into a directory, by any form of path', async () => {
        const root = plant(volume.folder(), { 'there/': '' });
        for (const destination of [
          'C:\\new\\b.txt',
          'C:/new2/',
          '\\there',
          'c:\\THERE\\deeper\\',
          '/slashes/c',
        ])
          await copy({ 'a.txt': 'A' }, root, { sources: ['a.txt'], destination });
        expect(Object.keys(treeOf(root)).sort()).toEqual([
          '/NEW/',
          '/NEW/B.TXT',
          '/NEW2/',
          '/NEW2/A.TXT',
          '/SLASHES/',
          '/SLASHES/C',
          '/THERE/',
          '/THERE/A.TXT',
          '/THERE/DEEPER/',
          '/THERE/DEEPER/A.TXT',
        ]);
      });

      it('keeps times, of directories too', async () => {
        const context = plant(scratchFolder(), { 'd/f': 'F' });
        utimesSync(`${context}/d/f`, 1000, 1_234_567_890);
        utimesSync(`${context}/d`, 1000, 1_111_111_111);
        const root = volume.folder();
        await copy(context, root);
        expect(statSync(`${root}/d/f`).mtimeMs).toBe(1_234_567_890_000);
        expect(statSync(`${root}/d`).mtimeMs).toBe(1_111_111_111_000);
      });

      it('keeps hard links of one copy', async () => {
        const context = plant(scratchFolder(), { a: 'A', 'd/': '' });
        linkSync(`${context}/a`, `${context}/d/b`);
        const root = volume.folder();
        await copy(context, root);
        expect(statSync(`${root}/d/b`).ino).toBe(statSync(`${root}/a`).ino);
      });

      it('does not carry over that a file cannot be written, and replaces one that cannot', async () => {
        const context = plant(scratchFolder(), { f: 'new' });
        chmodSync(`${context}/f`, 0o444);
        const root = plant(volume.folder(), { f: 'old' });
        // Read-only, hidden and system.
        execFileSync('setfattr', ['-n', 'system.ntfs_attrib_be', '-v', '0x00000007', `${root}/f`]);
        await copy(context, root);
        expect(text(`${root}/f`)).toBe('new');
        const attributes = execFileSync('getfattr', [
          ...['-n', 'system.ntfs_attrib_be', '-e', 'hex', '--only-values', '--absolute-names', `${root}/f`],
        ]);
        expect(attributes.readUInt32BE(0) & 7).toBe(0);
      });

      it('reaches paths far beyond 260 characters', async () => {
        const deep = Array.from({ length: 12 }, () => 'd'.repeat(80)).join('/');
        const root = volume.folder();
        await copy({ [`${deep}/file`]: 'deep' }, root, { destination: `C:\\${deep.replaceAll('/', '\\')}` });
        expect(text(`${root}/${deep}/${deep}/file`)).toBe('deep');
      });

      it('refuses names that differ only in case, whichever source they come from', async () => {
        const clash = { 'd/Read.me': '1', 'd/READ.ME': '2' };
        expect(await codeOf(() => copy(clash, volume.folder()))).toBe('FS_NAMES_CLASH');
        const apart = { 'one/x.txt': '1', 'two/X.TXT': '2' };
        const request = { sources: ['one', 'two'], destination: 'C:\\to\\' };
        expect(await codeOf(() => copy(apart, volume.folder(), request))).toBe('FS_NAMES_CLASH');
      });

      it.each([
        'con',
        'aux.txt',
        'COM1',
        'lpt¹.log',
        'a:b',
        'a<b',
        'a|b',
        'a?',
        'dot.',
        'space ',
        'back\\slash',
        'tab\t',
      ])('refuses a file called %j', async (bad) => {
        const root = volume.folder();
        expect(await codeOf(() => copy({ [`d/${bad}`]: '' }, root))).toBe('FS_NAME_INVALID');
        expect(await codeOf(() => copy({ [`d/${bad}/file`]: '' }, root))).toBe('FS_NAME_INVALID');
      });

      it('refuses --chown, --chmod and files that only Linux has, each by its name', async () => {
        const root = volume.folder();
        expect(await codeOf(() => copy({ f: '' }, root, { mode: '0755' }))).toBe('FS_NOT_ON_WINDOWS');
        expect(await codeOf(() => copy({ f: '' }, root, { owner: { uid: 0, gid: 0 } }))).toBe(
          'FS_NOT_ON_WINDOWS',
        );
        expect(await codeOf(() => guestAt(root).resolveOwner())).toBe('FS_NOT_ON_WINDOWS');
        const context = plant(scratchFolder(), { 'd/': '' });
        execFileSync('mkfifo', [`${context}/d/pipe`]);
        const error = await copy(context, root).catch((caught: unknown) => caught);
        expect(isHyperfileError(error, 'FS_NOT_ON_WINDOWS') && error.message.toUpperCase()).toContain(
          'C:\\D\\PIPE',
        );
      });

      it('refuses other drives, shares and devices as destinations', async () => {
        for (const destination of ['D:\\x', '\\\\server\\share\\', '\\\\.\\C:\\', 'C:x'])
          expect(await codeOf(() => copy({ f: '' }, volume.folder(), { destination }))).toBe(
            'FS_OTHER_DRIVE',
          );
      });

      it('writes through a junction inside the guest, and never through one that leads out', async () => {
        const root = plant(volume.folder(), { 'data/': '', 'x/': '' });
        makeJunction(`${root}/inside`, '\\??\\C:\\data');
        makeJunction(`${root}/x/d`, '\\??\\D:\\data');
        makeJunction(`${root}/volume`, '\\??\\Volume{12345678-1234-1234-1234-123456789abc}\\');
        makeReparsePoint(`${root}/cloud`, 0x9000_001a, 'dir');
        await copy({ 'inside/f': 'F' }, root);
        expect(text(`${root}/data/f`)).toBe('F');
        expect(await codeOf(() => copy({ 'd/f': 'F' }, root, { destination: 'C:\\x' }))).toBe(
          'FS_LINK_OUTSIDE',
        );
        expect(await codeOf(() => copy({ f: 'F' }, root, { destination: 'C:\\volume\\' }))).toBe(
          'FS_LINK_OUTSIDE',
        );
        expect(await codeOf(() => copy({ f: 'F' }, root, { destination: 'C:\\cloud\\new\\' }))).toBe(
          'FS_REPARSE_POINT',
        );
        expect(existsSync(`${root}/data/data`)).toBe(false);
      });

      it('takes the place of a link, a junction and a placeholder with a file', async () => {
        const root = plant(volume.folder(), { 'data/': '' });
        makeJunction(`${root}/a`, '\\??\\D:\\');
        makeReparsePoint(`${root}/b`, 0x9000_001a);
        await copy({ 'd/a': 'A', 'd/b': 'B' }, root, { sources: ['d'] });
        expect([text(`${root}/a`), text(`${root}/b`)]).toEqual(['A', 'B']);
      });

      it('refuses links that Windows could not hold', async () => {
        for (const target of ['a:b', 'x/con', 'back\\slash', '\\\\server\\share'])
          expect(await codeOf(() => copy({ link: `-> ${target}` }, volume.folder()))).toBe('FS_NAME_INVALID');
      });
    });

    describe('COPY --from', () => {
      it('another Windows guest copies its files, its links as links', async () => {
        const stage = plant(volume.folder(), { 'Out/App.exe': 'MZ', 'Out/sub/x.dll': 'D', 'else/f': 'F' });
        makeJunction(`${stage}/Out/junction`, '\\??\\C:\\else');
        makeJunction(`${stage}/out-link`, '\\??\\C:\\OUT');
        const root = volume.folder();
        const from = await guestAt(stage).asSource();
        await guestAt(root).copy({ from, sources: ['C:\\out-link'], destination: 'C:\\app' });
        await guestAt(root).copy({
          from,
          sources: ['\\OUT\\S*\\*.DLL', 'out/app.EXE'],
          destination: 'C:\\two\\',
        });
        expect(treeOf(root)).toEqual({
          '/APP/': '',
          '/APP/APP.EXE': 'MZ',
          '/APP/SUB/': '',
          '/APP/SUB/X.DLL': 'D',
          '/APP/JUNCTION': '-> C:\\else',
          '/TWO/': '',
          '/TWO/X.DLL': 'D',
          '/TWO/APP.EXE': 'MZ',
        });
      });

      it('a Windows guest into a Linux one gives files the mode 0755', async () => {
        const stage = plant(volume.folder(), { 'd/f': 'F' });
        makeJunction(`${stage}/d/j`, '\\??\\C:\\d');
        const root = scratchFolder();
        const from = await guestAt(stage).asSource();
        await new MountedFiles(root, { label: 'linux' }).copy({
          from,
          sources: ['C:\\d'],
          destination: '/x',
        });
        expect(statSync(`${root}/x/f`)).toMatchObject({ mode: 0o100755, uid: 0, gid: 0 });
        expect(readlinkSync(`${root}/x/j`)).toBe('/d');
      });

      it('a Linux guest into a Windows one', async () => {
        const stage = plant(scratchFolder(), { 'd/f': 'F', 'd/l': '-> ../e/f' });
        const root = volume.folder();
        const from = await new MountedFiles(stage, { label: 'linux' }).asSource();
        await guestAt(root).copy({ from, sources: ['/d'], destination: 'C:\\x' });
        expect(treeOf(root)).toEqual({ '/X/': '', '/X/F': 'F', '/X/L': '-> ..\\e\\f' });
      });

      it('does not read what lies outside, or what only Windows could', async () => {
        const stage = plant(volume.folder(), { 'd/': '' });
        makeJunction(`${stage}/out`, '\\??\\D:\\');
        makeReparsePoint(`${stage}/d/cloud`, 0x9000_001a);
        const from = await guestAt(stage).asSource();
        const root = volume.folder();
        const copyOne = (source: string) => () =>
          guestAt(root).copy({ from, sources: [source], destination: 'C:\\x' });
        expect(await codeOf(copyOne('C:\\out\\f'))).toBe('FS_LINK_OUTSIDE');
        expect(await codeOf(copyOne('C:\\d'))).toBe('FS_REPARSE_POINT');
        expect(await codeOf(copyOne('D:\\d'))).toBe('FS_OTHER_DRIVE');
        expect(await codeOf(copyOne('C:\\missing'))).toBe('FS_SOURCE_MISSING');
      });

      it('has a digest that does not see times, and sees content', async () => {
        const stage = plant(volume.folder(), { 'd/f': 'F' });
        const digest = async (): Promise<string> => digestTree(await guestAt(stage).asSource(), ['C:\\d']);
        const before = await digest();
        utimesSync(`${stage}/d/f`, 1000, 1000);
        expect(await digest()).toBe(before);
        writeFileSync(`${stage}/d/f`, 'G');
        expect(await digest()).not.toBe(before);
      });
    });

    describe('ADD', () => {
      it('unpacks a local archive', async () => {
        const tar = await archive(
          { name: 'a/', type: 'directory', mode: 0o700 },
          { name: 'a/f', content: 'F', mode: 0o444, mtime: new Date(1_000_000_000_000) },
          { name: 'a/l', type: 'symlink', linkname: 'f' },
          { name: 'b/h', type: 'link', linkname: 'a/f' },
        );
        const context = scratchFolder();
        writeFileSync(`${context}/a.tgz`, gzipSync(tar));
        const root = plant(volume.folder(), { 'To/A/old': 'old' });
        await copy(context, root, { sources: ['a.tgz'], destination: 'C:\\to\\', unpackArchives: true });
        expect(treeOf(root)).toEqual({
          '/TO/': '',
          '/TO/A/': '',
          '/TO/A/OLD': 'old',
          '/TO/A/F': 'F',
          '/TO/A/L': '-> f',
          '/TO/B/': '',
          '/TO/B/H': 'F',
        });
        expect(statSync(`${root}/to/b/h`.replace('to', existsSync(`${root}/to`) ? 'to' : 'To')).mtimeMs).toBe(
          1e12,
        );
      });

      it.each<[string, Entry]>([
        ['a device', { name: 'd/null', type: 'character-device', devmajor: 1, devminor: 3 }],
        ['a pipe', { name: 'd/pipe', type: 'fifo' }],
      ])('refuses an archive with %s', async (_, entry) => {
        const tar = await archive(entry);
        expect(await codeOf(() => extract(tar, volume.folder()))).toBe('FS_NOT_ON_WINDOWS');
      });

      it.each(['a:b', 'x/nul', 'x /f', 'a\\..\\..\\b', '..\\up'])('refuses an entry %j', async (name) => {
        const tar = await archive({ name, content: '' });
        expect(await codeOf(() => extract(tar, volume.folder()))).toBe('FS_NAME_INVALID');
      });

      it('refuses entries that differ only in case, in a directory too', async () => {
        const files = await archive({ name: 'a/f', content: '' }, { name: 'a/F', content: '' });
        expect(await codeOf(() => extract(files, volume.folder()))).toBe('FS_NAMES_CLASH');
        const directories = await archive({ name: 'a/f', content: '' }, { name: 'A/g', content: '' });
        expect(await codeOf(() => extract(directories, volume.folder()))).toBe('FS_NAMES_CLASH');
      });

      it('lets a later entry of the same name win', async () => {
        const root = volume.folder();
        await extract(await archive({ name: 'f', content: '1' }, { name: 'f', content: '2' }), root);
        expect(text(`${root}/f`)).toBe('2');
      });

      it('does not write through a link that the archive itself has brought', async () => {
        const root = plant(volume.folder(), { 'Windows/': '' });
        const inside = await archive(
          { name: 'l', type: 'symlink', linkname: '/Windows' },
          { name: 'l/f', content: 'F' },
        );
        await extract(inside, root, 'C:\\to');
        expect(text(`${root}/${readdirSync(root).includes('Windows') ? 'Windows' : 'windows'}/f`)).toBe('F');
        for (const linkname of ['D:/x', '//server/share', '//?/Volume{0}/']) {
          const out = await archive({ name: 'l', type: 'symlink', linkname }, { name: 'l/f', content: '' });
          expect(await codeOf(() => extract(out, volume.folder()))).toBe('FS_LINK_OUTSIDE');
        }
      });

      it('refuses the layers of container images', async () => {
        const tar = Readable.from([await archive()]);
        const request = { destination: 'C:\\', archiveName: 'layer', whiteouts: true as const };
        expect(await codeOf(() => guestAt(volume.folder()).extract(tar, request))).toBe('FS_NOT_ON_WINDOWS');
      });
    });

    describe('WORKDIR, heredocs and downloads', () => {
      it('makes directories, and leaves what is there', async () => {
        const root = plant(volume.folder(), { 'Inetpub/x': 'X' });
        await guestAt(root).makeDirectory('C:\\inetpub\\wwwroot\\new');
        expect(Object.keys(treeOf(root))).toContain('/INETPUB/WWWROOT/NEW/');
        expect(await codeOf(() => guestAt(root).makeDirectory('C:\\inetpub\\X'))).toBe('FS_NOT_A_DIRECTORY');
        expect(await codeOf(() => guestAt(root).makeDirectory('E:\\x'))).toBe('FS_OTHER_DRIVE');
        expect(await codeOf(() => guestAt(root).makeDirectory('C:\\a\\lpt1'))).toBe('FS_NAME_INVALID');
      });

      it('writes and reads a file', async () => {
        const root = volume.folder();
        const content = Buffer.from('hello\r\n');
        await guestAt(root).writeFile({ destination: 'C:\\a\\', name: 'x.cmd', content, forOwnerOnly: true });
        await guestAt(root).writeFile({
          destination: 'C:\\a\\X.CMD',
          name: 'y',
          content: Readable.from([Buffer.from('1'), Buffer.from('2')]),
          modifiedSeconds: 1000,
        });
        expect((await guestAt(root).readFile('c:/A/X.cmd'))?.toString()).toBe('12');
        expect(await guestAt(root).readFile('C:\\a\\none')).toBeUndefined();
        expect(readdirSync(`${root}/a`)).toHaveLength(1);
        expect(await codeOf(() => guestAt(root).readFile('C:\\a'))).toBe('FS_NOT_A_FILE');
        expect(
          await codeOf(() => guestAt(root).writeFile({ destination: 'C:\\a\\b:c', name: 'x', content })),
        ).toBe('FS_NAME_INVALID');
        expect(
          await codeOf(() =>
            guestAt(root).writeFile({ destination: 'C:\\f', name: 'x', content, mode: '0600' }),
          ),
        ).toBe('FS_NOT_ON_WINDOWS');
      });
    });
  });
});

describe('whatever links a Windows guest has', () => {
  it('no file step writes beside its volume', async () => {
    const name = fc.constantFrom('a', 'b', 'C', 'd');
    const place = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
    const target = fc.oneof(
      place,
      fc.constantFrom(
        '../outside',
        '../../outside',
        '..',
        '/',
        '.',
        'OUTSIDE',
        'D:\\',
        '\\??\\C:\\a',
        '..\\..\\outside',
      ),
    );
    const guest = fc.dictionary(
      place,
      fc.oneof(
        fc.constant('file'),
        target.map((to) => `-> ${to}`),
      ),
      { maxKeys: 6 },
    );
    const context = fc.dictionary(place, fc.constant('new'), { minKeys: 1, maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(guest, context, place, fc.boolean(), async (has, brings, destination, asArchive) => {
        const scratch = plant(scratchFolder(), { 'outside/sentinel': 'S', 'volume/': '' });
        const root = `${scratch}/volume`;
        for (const [file, content] of Object.entries(has)) {
          const own = content.replace('OUTSIDE', `${scratch}/outside`);
          // What cannot lie there because of what lies there already; behind a link, it would lie anywhere on this host.
          await codeOfAny(() => isBehindLink(root, file) || plant(root, { [file]: own }));
        }
        const before = [treeOf(`${scratch}/outside`), readdirSync(scratch)];
        const files = Object.keys(brings).filter(
          (file) => !Object.keys(brings).some((other) => other.startsWith(`${file}/`)),
        );
        if (asArchive) {
          const tar = await archive(...files.map((file) => ({ name: file, content: 'new' })));
          await codeOfAny(() => extract(tar, root, `C:\\${destination}`));
        } else {
          const to = { destination: `C:\\${destination}\\` };
          await codeOfAny(() => copy(Object.fromEntries(files.map((file) => [file, 'new'])), root, to));
        }
        expect([treeOf(`${scratch}/outside`), readdirSync(scratch)]).toEqual(before);
        rmSync(scratch, { recursive: true });
      }),
      { numRuns: 100 },
    );
  });
});

function isBehindLink(root: string, file: string): boolean {
  const names = file.split('/');
  return names.some((_, depth) => {
    const above = [root, ...names.slice(0, depth)].join('/');
    return depth > 0 && (lstatSync(above, { throwIfNoEntry: false })?.isSymbolicLink() ?? false);
  });
}

/** Runs what may fail. */
async function codeOfAny(body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (!/^(?:FS_|E[A-Z]+$)/.test(code)) throw error;
  }
}

describe('hard links of a Windows guest', () => {
  it('become files of their own where the file takes no more names', async () => {
    class FullTree extends WindowsTree {
      override makeHardLink(): boolean {
        return false;
      }
    }
    const context = plant(scratchFolder(), { a: 'A' });
    linkSync(`${context}/a`, `${context}/b`);
    const root = scratchFolder();
    const tree = new FullTree(new WindowsReader(root, { label: 'the guest', isGuest: true }));
    const from = await openContext(context, undefined);
    const copier = new Copier(tree, from, { owner: undefined, changeMode: undefined, signal: undefined });
    for (const source of findSources(from, ['.'])) await copier.copyContents(source, root);
    await copier.finish();
    expect([text(`${root}/a`), text(`${root}/b`)]).toEqual(['A', 'A']);
    expect(statSync(`${root}/a`).nlink).toBe(1);
  });
});

describe('symbolic links of a Windows guest', () => {
  const attributes = { uid: 0, gid: 0, mode: 0o777, modifiedSeconds: 1000 };

  function treeWith(root: string, made: string[]): WindowsTree {
    const reader = new WindowsReader(root, { label: 'the guest', isGuest: true });
    return new WindowsTree(reader, (target, hostPath, type) => {
      made.push(`${hostPath.slice(root.length + 1)} -> ${target} (${type})`);
      writeFileSync(`${hostPath}.made`, '');
      execFileSync('ln', ['-s', target, hostPath]);
    });
  }

  it('are links to directories where that is what they lead to, also when that came later', () => {
    const root = plant(scratchFolder(), { 'd/': '', f: '' });
    const made: string[] = [];
    const tree = treeWith(root, made);
    for (const [name, target] of [
      ['to-d', 'd'],
      ['to-f', 'f'],
      ['to-later', '/later'],
      ['to-chain', 'to-later'],
    ] as const)
      tree.makeSymlink(target, `${root}/${name}`, attributes);
    mkdirSync(`${root}/later`);
    tree.finish();
    expect(made).toEqual([
      'to-d -> d (dir)',
      'to-f -> f (file)',
      'to-later -> C:\\later (file)',
      'to-chain -> to-later (file)',
      'to-later -> C:\\later (dir)',
      'to-chain -> to-later (dir)',
    ]);
    expect(lstatSync(`${root}/to-later`).mtimeMs).toBe(1_000_000);
  });

  it('are refused clearly where the host does not let them be made', async () => {
    const root = scratchFolder();
    const reader = new WindowsReader(root, { label: 'the guest', isGuest: true });
    const tree = new WindowsTree(reader, () => {
      throw Object.assign(new Error('no'), { code: 'EPERM' });
    });
    expect(await codeOf(() => tree.makeSymlink('x', `${root}/l`, attributes))).toBe('FS_NO_SYMLINKS');
  });
});
