import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  closeSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { expect, it } from 'vitest';
import { openContext } from '../../src/fs/build-context.ts';
import type { CopyRequest } from '../../src/fs/guest-files.ts';
import { MountedFiles } from '../../src/fs/mounted-files.ts';
import { describeWith, has } from '../support/needs.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

type Files = Readonly<Record<string, string>>;
type Request = Partial<Omit<CopyRequest, 'from'>>;

/** Copies from a context made of `files` into a guest made of `guest`. */
async function copy(
  files: Files,
  request: Request,
  guest: Files = {},
): Promise<{ root: string; context: string }> {
  const context = plant(scratchFolder(), files);
  const root = plant(scratchFolder(), guest);
  await copyFrom(context, root, request);
  return { root, context };
}

async function copyFrom(context: string, root: string, request: Request): Promise<void> {
  const from = await openContext(context, undefined);
  await new MountedFiles(root, { label: 'the guest' }).copy({
    from,
    sources: ['.'],
    destination: '/',
    ...request,
  });
}

const text = (path: string): string => readFileSync(path, 'utf8');

describeWith(['root'], 'COPY', () => {
  it('of a file to a name makes that name and the directories above it', async () => {
    const { root } = await copy({ a: 'A' }, { sources: ['a'], destination: '/x/y/b' });
    expect(text(`${root}/x/y/b`)).toBe('A');
    expect(statSync(`${root}/x/y`)).toMatchObject({ mode: 0o40755, uid: 0, gid: 0 });
  });

  it('of a file to a directory keeps its name', async () => {
    const { root } = await copy({ 'd/a': 'A' }, { sources: ['d/a'], destination: '/x/' });
    expect(text(`${root}/x/a`)).toBe('A');
    const there = await copy({ 'd/a': 'A' }, { sources: ['d/a'], destination: '/there' }, { 'there/': '' });
    expect(text(`${there.root}/there/a`)).toBe('A');
  });

  it('of a directory copies what is in it, merged with what is there', async () => {
    const files = { 'd/sub/new': 'N', 'd/sub/both': 'after', 'd/top': 'T' };
    const { root } = await copy(
      files,
      { sources: ['d'], destination: '/x' },
      { 'x/sub/both': 'before', 'x/sub/old': 'O' },
    );
    expect(readdirSync(`${root}/x/sub`).sort()).toEqual(['both', 'new', 'old']);
    expect(text(`${root}/x/sub/both`)).toBe('after');
    expect(text(`${root}/x/top`)).toBe('T');
  });

  it('gives a directory below the source its mode, and leaves the destination its own', async () => {
    const context = plant(scratchFolder(), { 'd/sub/f': '' });
    const root = plant(scratchFolder(), { 'x/sub/': '' });
    chmodSync(`${context}/d`, 0o700);
    chmodSync(`${context}/d/sub`, 0o750);
    await copyFrom(context, root, { sources: ['d'], destination: '/x' });
    expect(statSync(`${root}/x`).mode & 0o7777).toBe(0o755);
    expect(statSync(`${root}/x/sub`).mode & 0o7777).toBe(0o750);
  });

  it('keeps modes, times and symbolic links, and makes everything root’s', async () => {
    const context = plant(scratchFolder(), { 'd/f': 'F', 'd/link': '-> ../../anywhere' });
    chmodSync(`${context}/d/f`, 0o4751);
    chownSync(`${context}/d/f`, 1234, 5678);
    chmodSync(`${context}/d/f`, 0o4751);
    utimesSync(`${context}/d/f`, 1000, 1_234_567_890.25);
    const root = scratchFolder();
    await copyFrom(context, root, { sources: ['d'], destination: '/' });
    expect(lstatSync(`${root}/f`)).toMatchObject({
      mode: 0o104751,
      uid: 0,
      gid: 0,
      mtimeMs: 1_234_567_890_250,
    });
    expect(readlinkSync(`${root}/link`)).toBe('../../anywhere');
    expect(lstatSync(`${root}/link`).mtimeMs).toBeCloseTo(lstatSync(`${context}/d/link`).mtimeMs, 0);
  });

  it('keeps owners when it copies from another guest, and takes the ones it is given', async () => {
    const stage = plant(scratchFolder(), { 'd/f': '' });
    chownSync(`${stage}/d/f`, 1234, 5678);
    const root = scratchFolder();
    const guest = new MountedFiles(root, { label: 'the guest' });
    const from = await new MountedFiles(stage, { label: 'stage "a"' }).asSource();
    await guest.copy({ from, sources: ['/d'], destination: '/kept' });
    expect(statSync(`${root}/kept/f`)).toMatchObject({ uid: 1234, gid: 5678 });
    await guest.copy({ from, sources: ['/d'], destination: '/own/er', owner: { uid: 7, gid: 8 } });
    expect(statSync(`${root}/own/er/f`)).toMatchObject({ uid: 7, gid: 8 });
    expect(statSync(`${root}/own`)).toMatchObject({ uid: 7, gid: 8 });
  });

  it('sets the mode it is given on files and directories', async () => {
    const { root } = await copy({ 'd/s/f': '' }, { sources: ['d'], destination: '/x', mode: 'u=rwX,go=' });
    expect(statSync(`${root}/x/s`).mode & 0o7777).toBe(0o700);
    expect(statSync(`${root}/x/s/f`).mode & 0o7777).toBe(0o600);
  });

  it('keeps hard links between the files of one copy', async () => {
    const context = plant(scratchFolder(), { 'd/a': 'A', 'd/other': 'O' });
    linkSync(`${context}/d/a`, `${context}/d/b`);
    const root = scratchFolder();
    await copyFrom(context, root, { sources: ['d'], destination: '/' });
    expect(statSync(`${root}/a`).ino).toBe(statSync(`${root}/b`).ino);
    expect(statSync(`${root}/a`).nlink).toBe(2);
  });

  it('follows a link that the recipe names', async () => {
    const { root } = await copy(
      { 'real/f': 'F', link: '-> real', one: '-> real/f' },
      { sources: ['link', 'one'], destination: '/x/' },
    );
    expect(text(`${root}/x/f`)).toBe('F');
    expect(text(`${root}/x/one`)).toBe('F');
    expect(lstatSync(`${root}/x/one`).isFile()).toBe(true);
  });

  it('follows a link at the destination inside the guest, never out of it', async () => {
    const outside = scratchFolder();
    const guest = { 'usr/lib/': '', lib: '-> usr/lib', out: `-> ${outside}`, up: '-> ../../../..' };
    const { root } = await copy({ 'd/lib/f': 'F' }, { sources: ['d'], destination: '/' }, guest);
    expect(text(`${root}/usr/lib/f`)).toBe('F');
    expect(lstatSync(`${root}/lib`).isSymbolicLink()).toBe(true);
    await copyFrom(plant(scratchFolder(), { g: 'G' }), root, { sources: ['g'], destination: '/out/' });
    await copyFrom(plant(scratchFolder(), { h: 'H' }), root, { sources: ['h'], destination: '/up/h' });
    expect(readdirSync(outside)).toEqual([]);
    expect(text(`${root}${outside}/g`)).toBe('G');
    expect(text(`${root}/h`)).toBe('H');
  });

  it('replaces a link or a file by a file, and a file inside it is never written through', async () => {
    const { root } = await copy(
      { 'd/f': 'new' },
      { sources: ['d'], destination: '/' },
      { f: '-> target', target: 'old' },
    );
    expect(lstatSync(`${root}/f`).isFile()).toBe(true);
    expect(text(`${root}/target`)).toBe('old');
  });

  it('expands wildcards in order of name, and takes no match for no file', async () => {
    const files = { 'b.txt': 'B', 'a.txt': 'A', 'c.md': 'C', 'sub/x.txt': 'X' };
    const { root } = await copy(files, { sources: ['*.txt', 's?b/*', 'none*'], destination: '/x/' });
    expect(readdirSync(`${root}/x`).sort()).toEqual(['a.txt', 'b.txt', 'x.txt']);
  });

  it('leaves out what the ignore file excludes, and keeps what it takes back', async () => {
    const files = {
      '.dockerignore': 'secret\nd\n!d/e/kept',
      'd/e/kept': 'K',
      'd/e/not': '',
      'd/z/not': '',
      secret: '',
    };
    const { root } = await copy(files, { sources: ['.'], destination: '/' });
    expect(readdirSync(root)).toEqual(['.dockerignore', 'd']);
    expect(readdirSync(`${root}/d`)).toEqual(['e']);
    expect(readdirSync(`${root}/d/e`)).toEqual(['kept']);
  });

  it('keeps pipes and devices, and forgets sockets', async () => {
    const context = plant(scratchFolder(), { 'd/': '' });
    execFileSync('mkfifo', [`${context}/d/pipe`]);
    execFileSync('mknod', ['-m', '620', `${context}/d/tty with spaces`, 'c', '5', '300']);
    const root = scratchFolder();
    await copyFrom(context, root, { sources: ['d'], destination: '/' });
    expect(lstatSync(`${root}/pipe`).isFIFO()).toBe(true);
    const device = lstatSync(`${root}/tty with spaces`);
    expect(device.isCharacterDevice()).toBe(true);
    expect(device.mode & 0o7777).toBe(0o620);
    expect(device.rdev).toBe(lstatSync(`${context}/d/tty with spaces`).rdev);
  });

  it('keeps holes', async () => {
    const context = scratchFolder();
    const file = openSync(`${context}/sparse`, 'w');
    writeSync(file, 'begin', 0);
    writeSync(file, 'middle', 5_000_001);
    writeSync(file, 'end', 20_000_000);
    closeSync(file);
    const root = scratchFolder();
    await copyFrom(context, root, { sources: ['sparse'], destination: '/' });
    expect(readFileSync(`${root}/sparse`).equals(readFileSync(`${context}/sparse`))).toBe(true);
    expect(statSync(`${root}/sparse`).blocks * 512).toBeLessThan(1_000_000);
  });

  it.runIf(has('getfattr') && has('setfattr'))(
    'keeps extended attributes [needs getfattr, setfattr]',
    async () => {
      const context = plant(scratchFolder(), { 'd/f': '', 'd/new\nline=x': '' });
      execFileSync('setfattr', ['-n', 'user.note', '-v', '0x00ff0a', `${context}/d/f`]);
      execFileSync('setfattr', [
        '-n',
        'security.capability',
        '-v',
        '0x0100000200040080000000000000000000000000',
        `${context}/d/new\nline=x`,
      ]);
      const root = scratchFolder();
      await copyFrom(context, root, { sources: ['d'], destination: '/', owner: { uid: 5, gid: 5 } });
      expect(xattr(`${root}/f`, 'user.note')).toBe('0x00ff0a');
      expect(xattr(`${root}/new\nline=x`, 'security.capability')).toBe(
        '0x0100000200040080000000000000000000000000',
      );
    },
  );

  it('of many files hears Ctrl-C', async () => {
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`d/${index}`, 'x']));
    const context = plant(scratchFolder(), files);
    const root = scratchFolder();
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    for (const signal of [AbortSignal.abort(), stop.signal]) {
      expect(await codeOf(() => copyFrom(context, root, { sources: ['d'], signal }))).toBe('INTERRUPTED');
    }
  });
});

describeWith(['root'], 'COPY is refused, with nothing written outside,', () => {
  it.each<[string, Files, Request, Files, string]>([
    ['when the source leaves the context', {}, { sources: ['../x'] }, {}, 'FS_OUTSIDE_CONTEXT'],
    [
      'when the source leaves it in the middle',
      { 'a/b': '' },
      { sources: ['a/../../a/b'] },
      {},
      'FS_OUTSIDE_CONTEXT',
    ],
    [
      'when a link in the source leaves it',
      { out: '-> ../..' },
      { sources: ['out/etc/passwd'] },
      {},
      'FS_OUTSIDE_CONTEXT',
    ],
    [
      'when a link leads to the host',
      { out: '-> /etc' },
      { sources: ['out/passwd'] },
      {},
      'FS_OUTSIDE_CONTEXT',
    ],
    [
      'when a wildcard is behind such a link',
      { out: '-> ../..' },
      { sources: ['out/etc/pass*'] },
      {},
      'FS_OUTSIDE_CONTEXT',
    ],
    ['when links in the context loop', { a: '-> b', b: '-> a' }, { sources: ['a'] }, {}, 'FS_LINK_LOOP'],
    [
      'when links in the guest loop',
      { f: '' },
      { sources: ['f'], destination: '/a/x' },
      { a: '-> b', b: '-> a' },
      'FS_LINK_LOOP',
    ],
    ['when the source is missing', { fine: '' }, { sources: ['fin'] }, {}, 'FS_SOURCE_MISSING'],
    [
      'when the source is ignored',
      { '.dockerignore': 'f', f: '' },
      { sources: ['f'] },
      {},
      'FS_SOURCE_IGNORED',
    ],
    [
      'when all of the source is ignored',
      { '.dockerignore': 'd', 'd/f': '' },
      { sources: ['d'] },
      {},
      'FS_SOURCE_IGNORED',
    ],
    ['when the pattern is malformed', { f: '' }, { sources: ['[f'] }, {}, 'FS_PATTERN_INVALID'],
    [
      'when several sources go to one file',
      { a: '', b: '' },
      { sources: ['a', 'b'], destination: '/x' },
      {},
      'FS_DESTINATION_NOT_DIRECTORY',
    ],
    [
      'when a wildcard’s matches do',
      { a: '', b: '' },
      { sources: ['?'], destination: '/x' },
      {},
      'FS_DESTINATION_NOT_DIRECTORY',
    ],
    [
      'when a file would replace a directory',
      { 'd/x': '' },
      { sources: ['d'] },
      { 'x/y': '' },
      'FS_IS_A_DIRECTORY',
    ],
    [
      'when a directory would replace a file',
      { 'd/x/y': '' },
      { sources: ['d'] },
      { x: '' },
      'FS_NOT_A_DIRECTORY',
    ],
    [
      'when the destination goes through a file',
      { f: '' },
      { sources: ['f'], destination: '/x/y' },
      { x: '' },
      'FS_NOT_A_DIRECTORY',
    ],
    ['when the mode is none', { f: '' }, { sources: ['f'], mode: '0888' }, {}, 'FS_MODE_INVALID'],
  ])('%s', async (_, files, request, guest, code) => {
    expect(await codeOf(() => copy(files, request, guest))).toBe(code);
  });

  it('and a near name is suggested', async () => {
    await expect(copy({ 'conf/nginx.conf': '' }, { sources: ['conf/ngnix.conf'] })).rejects.toMatchObject({
      hint: 'Did you mean "conf/nginx.conf"?',
    });
  });
});

describeWith(['root'], 'a guest’s files', () => {
  it('are read through the guest’s own links, and only when they are files', async () => {
    const root = plant(scratchFolder(), {
      'etc/real': 'R',
      'etc/link': '-> /etc/real',
      'etc/hosts': '-> /../../etc/none',
      'd/': '',
    });
    const files = new MountedFiles(root, { label: 'the guest' });
    expect((await files.readFile('/etc/link'))?.toString()).toBe('R');
    expect(await files.readFile('/etc/hosts')).toBeUndefined();
    expect(await codeOf(() => files.readFile('/d'))).toBe('FS_NOT_A_FILE');
    execFileSync('mkfifo', [`${root}/etc/passwd`]);
    expect(await codeOf(() => files.resolveOwner('www'))).toBe('FS_NOT_A_FILE');
  });

  it('name owners', async () => {
    const passwd = 'root:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\nbad:x:y:z::\n';
    const root = plant(scratchFolder(), { 'etc/passwd': passwd, 'etc/group': 'web:x:55:www\n' });
    const files = new MountedFiles(root, { label: 'the guest' });
    expect(await files.resolveOwner('www')).toEqual({ uid: 33, gid: 44 });
    expect(await files.resolveOwner('www:web')).toEqual({ uid: 33, gid: 55 });
    expect(await files.resolveOwner('7')).toEqual({ uid: 7, gid: 7 });
    expect(await files.resolveOwner('7:web')).toEqual({ uid: 7, gid: 55 });
    expect(await files.resolveOwner('7:8')).toEqual({ uid: 7, gid: 8 });
    expect(await files.resolveOwner(':web')).toEqual({ uid: 0, gid: 55 });
    expect(await codeOf(() => files.resolveOwner('nobody'))).toBe('FS_USER_UNKNOWN');
    expect(await codeOf(() => files.resolveOwner('bad'))).toBe('FS_USER_UNKNOWN');
    expect(await codeOf(() => files.resolveOwner('www:none'))).toBe('FS_GROUP_UNKNOWN');
    expect(await codeOf(() => files.resolveOwner('4294967295'))).toBe('FS_OWNER_INVALID');
    expect(await codeOf(() => files.resolveOwner('a:b:c'))).toBe('FS_OWNER_INVALID');
  });

  it('are written whole, with a mode, an owner and a time', async () => {
    const root = plant(scratchFolder(), { 'd/': '', x: 'before', 'set/sub/': '' });
    const files = new MountedFiles(root, { label: 'the guest' });
    await files.writeFile({ destination: '/d', name: 'n', content: Buffer.from('1') });
    await files.writeFile({
      destination: '/x',
      name: 'n',
      content: Buffer.from('2'),
      mode: '0600',
      owner: { uid: 3, gid: 4 },
      modifiedSeconds: 99,
    });
    expect(text(`${root}/d/n`)).toBe('1');
    expect(statSync(`${root}/d/n`).mode & 0o7777).toBe(0o644);
    expect(text(`${root}/x`)).toBe('2');
    expect(statSync(`${root}/x`)).toMatchObject({ mode: 0o100600, uid: 3, gid: 4, mtimeMs: 99_000 });
    expect(
      await codeOf(() => files.writeFile({ destination: '/set/', name: 'sub', content: Buffer.from('') })),
    ).toBe('FS_IS_A_DIRECTORY');
  });

  it('get directories with their parents, and keep those they have', async () => {
    const root = plant(scratchFolder(), { 'srv/': '', www: '-> /srv/web' });
    chmodSync(`${root}/srv`, 0o700);
    const files = new MountedFiles(root, { label: 'the guest' });
    await files.makeDirectory('/www/a/b', { uid: 9, gid: 9 });
    expect(statSync(`${root}/srv/web/a/b`)).toMatchObject({ mode: 0o40755, uid: 9, gid: 9 });
    expect(statSync(`${root}/srv`).mode & 0o7777).toBe(0o700);
    expect(existsSync(`${root}/www`)).toBe(false);
  });
});

function xattr(path: string, name: string): string | undefined {
  const dump = execFileSync('getfattr', ['-e', 'hex', '-n', name, '--absolute-names', path], {
    encoding: 'utf8',
  });
  return /=(0x[0-9a-f]*)\n/.exec(dump)?.[1];
}
