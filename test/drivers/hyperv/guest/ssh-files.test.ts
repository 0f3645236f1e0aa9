/** File steps through a running Linux guest, over a real SSH server; what Linux's own file steps do is the measure. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { SshFiles } from '../../../../src/drivers/hyperv/guest/ssh-files.ts';
import { Ssh } from '../../../../src/drivers/hyperv/guest/ssh.ts';
import { MountedFiles } from '../../../../src/fs/mounted-files.ts';
import type { CopyRequest, GuestFiles } from '../../../../src/fs/guest-files.ts';
import { describeWith } from '../../../support/needs.ts';
import { SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../../support/ssh-server.ts';

describeWith([...SSH_SERVER_NEEDS, 'tar'], 'files of a Linux guest', () => {
  let server: SshServer;
  let ssh: Ssh;
  let files: SshFiles;
  let folder: string;
  /** The same steps on a mounted root. */
  let mountedRoot: string;
  let mounted: MountedFiles;

  beforeAll(async () => {
    server = await startSshServer();
    const access = { userName: 'root', privateKey: server.privateKey };
    ssh = new Ssh({ address: server.address, access });
    files = new SshFiles(ssh);
  });
  afterAll(async () => {
    ssh.close();
    await server.stop();
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'ssh-files-'));
    mountedRoot = path.join(folder, 'mounted');
    for (const root of [mountedRoot, server.root]) {
      rmSync(path.join(root, 'srv'), { recursive: true, force: true });
      mkdirSync(path.join(root, 'srv'), { recursive: true });
    }
    mounted = new MountedFiles(mountedRoot, { label: 'mounted' });
    makeContext(path.join(folder, 'context'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const context = (): CopyRequest['from'] => ({
    label: 'the build context',
    rootPath: path.join(folder, 'context'),
    keepOwners: false,
  });

  /** Both do it, and then hold the same. */
  async function both(step: (files: GuestFiles) => Promise<void>): Promise<string> {
    await step(files);
    await step(mounted);
    const listing = list(path.join(server.root, 'srv'));
    expect(listing).toBe(list(path.join(mountedRoot, 'srv')));
    return listing;
  }

  test('COPY brings what it brings to a mounted guest', async () => {
    const listing = await both(async (guest) => {
      const from = context();
      await guest.copy({ from, sources: ['.'], destination: '/srv/all' });
      await guest.copy({
        from,
        sources: ['run.sh'],
        destination: '/srv/new/name.sh',
        owner: { uid: 7, gid: 8 },
      });
      await guest.copy({ from, sources: ['run.sh', 'deep'], destination: '/srv/some/', mode: '0711' });
      await guest.copy({ from, sources: ['deep/b*', 'deep/e*'], destination: '/srv/all/', mode: 'go-r' });
      await guest.copy({ from, sources: ['run.sh'], destination: '/srv/all' });
    });
    expect(listing).toContain('/srv/new/name.sh 100755 7:8'.replace('/srv/', ''));
    expect(listing.split('\n').length).toBeGreaterThan(15);
  });
  test('COPY keeps the owners of another stage, and set-user-id bits', async () => {
    const from = { ...context(), keepOwners: true };
    chownSync(path.join(from.rootPath, 'run.sh'), 12, 34);
    chmodSync(path.join(from.rootPath, 'run.sh'), 0o4755);
    expect(await both((guest) => guest.copy({ from, sources: ['.'], destination: '/srv/' }))).toContain(
      'run.sh 104755 12:34',
    );
  });
  test('COPY goes through links to directories and to files, and replaces other links', async () => {
    for (const root of [mountedRoot, server.root]) {
      mkdirSync(path.join(root, 'srv/real'));
      symlinkSync('real', path.join(root, 'srv/deep'));
      symlinkSync('real/target', path.join(root, 'srv/link'));
      symlinkSync('/etc/passwd', path.join(root, 'srv/run.sh'));
    }
    const listing = await both(async (guest) => {
      await guest.copy({ from: context(), sources: ['run.sh'], destination: '/srv/link' });
      await guest.copy({ from: context(), sources: ['.'], destination: '/srv' });
    });
    expect(listing).toContain('real/target 100755');
    expect(listing).toContain('deep -> real');
  });
  test('extended attributes come along', async () => {
    const file = path.join(context().rootPath, 'run.sh');
    execFileSync('setfattr', ['-n', 'trusted.mark', '-v', '0x00ff0a3d', file]);
    await files.copy({ from: context(), sources: ['run.sh'], destination: '/srv/' });
    const shown = execFileSync('getfattr', [
      '-n',
      'trusted.mark',
      '-e',
      'hex',
      '--only-values',
      '--absolute-names',
      path.join(server.root, 'srv/run.sh'),
    ]);
    expect(shown.toString('hex')).toBe('00ff0a3d');
  });
  test('ADD unpacks archives, and refuses what would lead out of them', async () => {
    const from = context();
    execFileSync('tar', ['--sparse', '-czf', 'archive.tgz', 'run.sh', 'deep', 'hole', 'hard1', 'hard2'], {
      cwd: from.rootPath,
    });
    await both(async (guest) => {
      await guest.copy({ from, sources: ['archive.tgz'], destination: '/srv/kept/', unpackArchives: true });
      await guest.copy({
        from,
        sources: ['archive.tgz'],
        destination: '/srv/owned/',
        unpackArchives: true,
        owner: { uid: 5, gid: 6 },
      });
    });
    execFileSync('tar', ['-cPf', 'bad.tar', '--transform', 's,^,../,', 'run.sh'], { cwd: from.rootPath });
    const bad = files.copy({ from, sources: ['bad.tar'], destination: '/srv/', unpackArchives: true });
    await expect(bad).rejects.toMatchObject({ code: 'FS_ARCHIVE_OUTSIDE' });
    writeFileSync(
      path.join(from.rootPath, 'cut.tar'),
      Buffer.concat([readFileSync(path.join(from.rootPath, 'bad.tar')).subarray(0, 700)]),
    );
    const cut = files.extract(Readable.from([readFileSync(path.join(from.rootPath, 'cut.tar'))]), {
      destination: '/srv/',
      archiveName: 'cut.tar',
    });
    await expect(cut).rejects.toMatchObject({ code: expect.stringMatching(/^FS_ARCHIVE_/) as string });
  });
  test('single files are written and read', async () => {
    const content = Buffer.from([0, 255, 10, ...Buffer.from('é')]);
    await both(async (guest) => {
      await guest.writeFile({
        destination: "/srv/it's/",
        name: 'a $b',
        content,
        owner: { uid: 3, gid: 4 },
        modifiedSeconds: 1e9,
      });
      await guest.writeFile({
        destination: '/srv/b',
        name: 'x',
        content: Readable.from([content, content]),
        mode: '0600',
        modifiedSeconds: 1e9,
      });
      await guest.makeDirectory('/srv/new/deeper', { uid: 9, gid: 9 });
      await guest.makeDirectory('/srv/new');
    });
    expect(await files.readFile("/srv/it's/a $b")).toEqual(content);
    expect(await files.readFile('/srv/b')).toEqual(Buffer.concat([content, content]));
    expect(await files.readFile('/srv/none')).toBeUndefined();
    await expect(files.readFile('/srv')).rejects.toMatchObject({ code: 'FS_NOT_A_FILE' });
  });
  test('what is in the way is named', async () => {
    await files.writeFile({ destination: '/srv/file', name: 'x', content: Buffer.alloc(0) });
    await expect(files.makeDirectory('/srv/file/below')).rejects.toMatchObject({
      code: 'FS_NOT_A_DIRECTORY',
    });
    await files.makeDirectory('/srv/dir/x');
    const overDirectory = files.writeFile({ destination: '/srv/dir', name: 'x', content: Buffer.alloc(0) });
    await expect(overDirectory).rejects.toMatchObject({ code: 'FS_IS_A_DIRECTORY' });
    const several = files.copy({ from: context(), sources: ['run.sh', 'hole'], destination: '/srv/file' });
    await expect(several).rejects.toMatchObject({ code: 'FS_DESTINATION_NOT_DIRECTORY' });
  });
  test('owners are looked up in the guest', async () => {
    expect(await files.resolveOwner('builder:video')).toEqual({ uid: 1000, gid: 44 });
    await expect(files.resolveOwner('somebody')).rejects.toMatchObject({ code: 'FS_USER_UNKNOWN' });
  });
});

function makeContext(root: string): void {
  mkdirSync(path.join(root, 'deep', 'empty'), { recursive: true });
  const long = path.join(root, 'deep', 'n'.repeat(90), "é 日本 it's".padEnd(60, 'x'));
  mkdirSync(path.dirname(long));
  writeFileSync(long, 'long');
  writeFileSync(path.join(root, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  chmodSync(path.join(root, 'run.sh'), 0o755);
  writeFileSync(path.join(root, 'deep', 'big'), Buffer.alloc(300_000, 'big '));
  writeFileSync(path.join(root, 'hole'), '');
  execFileSync('truncate', ['-s', '3M', path.join(root, 'hole')]);
  writeFileSync(path.join(root, 'hard1'), 'hard');
  linkSync(path.join(root, 'hard1'), path.join(root, 'hard2'));
  symlinkSync("../it's/nowhere", path.join(root, 'deep', 'link'));
  execFileSync('mkfifo', ['-m', '0640', path.join(root, 'deep', 'pipe')]);
  chmodSync(path.join(root, 'deep', 'empty'), 0o2770);
  for (const name of ['deep', 'deep/empty', 'run.sh', 'deep/big'])
    utimesSync(path.join(root, name), 1e9, 1e9);
}

/** Everything of a tree but times. */
function list(root: string): string {
  const names = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P\\0'], {
    cwd: root,
    encoding: 'utf8',
  });
  const firstOf = new Map<number, string>();
  return names
    .split('\0')
    .filter((name) => name !== '')
    .sort()
    .map((name) => {
      const file = path.join(root, name);
      const stat = lstatSync(file);
      if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(file)} ${stat.uid}:${stat.gid}`;
      const first = firstOf.get(stat.ino) ?? name;
      firstOf.set(stat.ino, first);
      const content = stat.isFile()
        ? `${stat.size} ${readFileSync(file).toString('base64').slice(0, 200)}`
        : '';
      return `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} =${first} ${content}`;
    })
    .join('\n');
}
