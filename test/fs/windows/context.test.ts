import fc from 'fast-check';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openContext } from '../../../src/fs/build-context.ts';
import { digestTree } from '../../../src/fs/digest-tree.ts';
import { MountedFiles } from '../../../src/fs/mounted-files.ts';
import { findSources } from '../../../src/fs/sources.ts';
import { walkSource } from '../../../src/fs/walk.ts';
import { WindowsReader } from '../../../src/fs/windows/windows-reader.ts';
import { has } from '../../support/needs.ts';
import { codeOf, plant, scratchFolder } from '../scratch.ts';

type Files = Readonly<Record<string, string>>;

/** As a Windows host has the files: links with backslashes, modes that say nothing. */
function plantOnWindows(files: Files): string {
  const root = plant(
    scratchFolder(),
    Object.fromEntries(Object.entries(files).filter(([, text]) => !isLink(text))),
  );
  for (const [name, content] of Object.entries(files).filter(([, text]) => isLink(text))) {
    mkdirSync(`${root}/${name}`.replace(/\/[^/]*$/, ''), { recursive: true });
    symlinkSync(content.slice(3).replaceAll('/', '\\'), `${root}/${name}`);
  }
  return root;
}

/** The same on Linux, every file with the mode that Docker gives to what comes from Windows. */
function plantOnLinux(files: Files): string {
  const root = plant(scratchFolder(), files);
  const setModes = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) continue;
      chmodSync(`${folder}/${entry.name}`, 0o755);
      if (entry.isDirectory()) setModes(`${folder}/${entry.name}`);
    }
  };
  setModes(root);
  return root;
}

const isLink = (content: string): boolean => content.startsWith('-> ');

const FILES: Files = {
  '.dockerignore': '**/*.log\nout\n!out/keep\n',
  'src/a.ts': 'A',
  'src/deep/b.ts': 'B',
  'src/deep/x.log': 'log',
  'src/link': '-> deep/b.ts',
  'src/up': '-> ../README.md',
  'README.md': 'R',
  'out/gone': 'G',
  'out/keep': 'K',
  'empty/': '',
};

describe('a build context on a Windows host', () => {
  it('has the digests that the same files have on Linux', async () => {
    const onWindows = await openContext(plantOnWindows(FILES), undefined, 'win32');
    const onLinux = await openContext(plantOnLinux(FILES), undefined, 'linux');
    for (const sources of [['.'], ['src'], ['src/*.ts', 'README.md'], ['src/link', 'src/up'], ['out/']])
      expect(await digestTree(onWindows, sources)).toBe(await digestTree(onLinux, sources));
  });

  it('has the digests of Linux for any tree', async () => {
    const name = fc.constantFrom('a', 'b', 'c.log', 'd e', 'ü');
    const place = fc.array(name, { minLength: 1, maxLength: 3 });
    const files = fc.dictionary(
      place.map((names) => names.join('/')),
      fc.oneof(
        fc.string(),
        place.map((names) => `-> ${names.join('/')}`),
        place.map((names) => `-> ../${names.join('/')}`),
      ),
      { maxKeys: 6 },
    );
    await fc.assert(
      fc.asyncProperty(files, async (wanted) => {
        const tree = withoutClashes(wanted);
        const [windows, linux] = [plantOnWindows(tree), plantOnLinux(tree)];
        const digests = await Promise.all([
          digestTree(await openContext(windows, undefined, 'win32'), ['.']),
          digestTree(await openContext(linux, undefined, 'linux'), ['.']),
        ]);
        expect(digests[0]).toBe(digests[1]);
        for (const root of [windows, linux]) rmSync(root, { recursive: true });
      }),
      { numRuns: 40 },
    );
  });

  it('hides what the ignore file hides on Linux', async () => {
    const names = (platform: NodeJS.Platform, folder: string): Promise<string[]> =>
      openContext(folder, undefined, platform).then((tree) => {
        const [source] = findSources(tree, ['.']);
        return source ? [...walkSource(tree, source)].map(({ relativePath }) => relativePath) : [];
      });
    expect(await names('win32', plantOnWindows(FILES))).toEqual(await names('linux', plantOnLinux(FILES)));
  });

  it('never shows what lies outside it, by no spelling of the way', async () => {
    const parent = plant(scratchFolder(), { secret: 'S', 'context/d/f': 'F' });
    const context = `${parent}/context`;
    symlinkSync('..\\secret', `${context}/up`);
    symlinkSync('d\\..\\..\\..\\secret', `${context}/far`);
    symlinkSync('C:\\secret', `${context}/drive`);
    symlinkSync('\\\\server\\share', `${context}/share`);
    symlinkSync('\\\\?\\Volume{12345678-1234-1234-1234-123456789abc}\\', `${context}/volume`);
    symlinkSync('\\secret', `${context}/rooted`);
    const tree = await openContext(context, undefined, 'win32');
    const outcome = (source: string): Promise<string | undefined> =>
      codeOf(() => findSources(tree, [source]));
    expect(await outcome('up')).toBe('FS_OUTSIDE_CONTEXT');
    expect(await outcome('far')).toBe('FS_OUTSIDE_CONTEXT');
    expect(await outcome('rooted')).toBe('FS_OUTSIDE_CONTEXT');
    for (const link of ['drive', 'drive/x', 'share/x', 'volume/x', 'volume/*'])
      expect(await outcome(link)).toBe('FS_LINK_OUTSIDE');
    expect(await outcome('../secret')).toBe('FS_OUTSIDE_CONTEXT');
    for (const name of ['..\\secret', 'd\\..\\..\\secret', 'd\\f', 'C:/secret', 'd/f:stream', 'd/f.', 'nul'])
      expect(await outcome(name)).toBe('FS_NAME_INVALID');
  });

  it('knows its own path in absolute junctions', () => {
    const root = plant(scratchFolder(), { 'packages/one/f': 'F' });
    symlinkSync('D:\\Proj\\packages\\one', `${root}/in`);
    symlinkSync('D:\\project\\packages', `${root}/out`);
    const options = { label: 'the build context', isGuest: false, ownPath: '\\\\?\\d:\\proj' };
    const reader = new WindowsReader(root, options);
    expect(reader.trace('in/f').names).toEqual(['packages', 'one', 'f']);
    expect(reader.readLink(`${root}/in`)).toBe('/packages/one');
    expect(reader.readLink(`${root}/out`)).toBe('D:/project/packages');
  });

  it.runIf(has('root'))('gives a Linux guest files of mode 0755 and links with slashes', async () => {
    const context = plantOnWindows(FILES);
    chmodSync(`${context}/src/a.ts`, 0o600);
    const root = scratchFolder();
    const from = await openContext(context, undefined, 'win32');
    await new MountedFiles(root, { label: 'the guest' }).copy({ from, sources: ['.'], destination: '/' });
    expect(statSync(`${root}/src/a.ts`).mode & 0o7777).toBe(0o755);
    expect(statSync(`${root}/empty`).mode & 0o7777).toBe(0o755);
    expect(readlinkSync(`${root}/src/up`)).toBe('../README.md');
    expect(readFileSync(`${root}/src/deep/b.ts`, 'utf8')).toBe('B');
  });

  it('is found by names of any spelling, as Windows finds them', async () => {
    const folder = plant(scratchFolder(), { 'Src/Main.ts': 'M' });
    const tree = await openContext(folder, undefined, 'win32');
    expect(findSources(tree, ['src/main.ts'])[0]?.stat.size).toBe(1);
  });
});

/** A file is no directory, and nothing comes twice. */
function withoutClashes(files: Files): Files {
  const kept: Record<string, string> = {};
  for (const [name, content] of Object.entries(files)) {
    const clashes = Object.keys(kept).some(
      (other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`),
    );
    if (!clashes) kept[name] = content;
  }
  return kept;
}
