/** What is copied out of a running Linux guest, over a real SSH server; a mounted guest with the same files is the measure. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { SshFiles } from '../../../../src/drivers/hyperv/guest/ssh-files.ts';
import { Ssh } from '../../../../src/drivers/hyperv/guest/ssh.ts';
import { digestTree } from '../../../../src/fs/digest-tree.ts';
import type { GuestFiles } from '../../../../src/fs/guest-files.ts';
import { MountedFiles } from '../../../../src/fs/mounted-files.ts';
import { deviceNumbers } from '../../../../src/fs/special-files.ts';
import { describeWith } from '../../../support/needs.ts';
import { SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../../support/ssh-server.ts';

describeWith(
  [...SSH_SERVER_NEEDS, 'tar', 'getfattr', 'mke2fs', 'debugfs', 'losetup'],
  'sources of COPY in a Linux guest',
  () => {
    let server: SshServer;
    let ssh: Ssh;
    let guest: SshFiles;
    let folder: string;
    let mounted: MountedFiles;

    beforeAll(async () => {
      server = await startSshServer();
    });
    afterAll(() => server.stop());
    beforeEach(() => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'fetch-sources-'));
      const access = { userName: 'root', privateKey: server.privateKey };
      ssh = new Ssh({ address: server.address, access, folder });
      guest = new SshFiles(ssh);
      mounted = new MountedFiles(path.join(folder, 'mounted'), { label: 'the guest' });
      rmSync(path.join(server.root, 'srv'), { recursive: true, force: true });
      for (const root of [server.root, mounted.rootPath]) makeFiles(root);
    });
    afterEach(() => {
      ssh.close();
      expect(readdirSync(folder).filter((name) => name.startsWith('guest-'))).toEqual([]);
      rmSync(folder, { recursive: true });
    });

    /** What a copy of them holds, or how it fails. */
    async function copied(from: GuestFiles, sources: readonly string[]): Promise<unknown> {
      const target = mkdtempSync(path.join(folder, 'target-'));
      try {
        const tree = await from.asSource({ sources });
        await new MountedFiles(target, { label: 'target' }).copy({
          from: tree,
          sources,
          destination: '/in/',
        });
        return [await digestTree(tree, sources), list(path.join(target, 'in'))];
      } catch (error) {
        const { code, message, hint } = error as { code: string; message: string; hint?: string };
        expect(code).toBeDefined();
        return { code, message, hint };
      }
    }

    test.each([
      ['a file', ['/srv/run.sh']],
      ['a directory, and what it holds', ['/srv/deep']],
      ['a path that is no absolute one', ['srv/deep/big']],
      ['several', ['/srv/deep', '/srv/run.sh', '/srv/hard1', '/srv/hard2', '/srv/deep/big']],
      ['everything that is there', ['/srv']],
      ['links to files and directories, which are followed', ['/srv/to-file', '/srv/to-directory']],
      ['what lies behind links', ['/srv/to-directory/big', '/srv/chain/to-file', '/srv/up/srv/run.sh']],
      ['`..` that goes above the root', ['/../../srv/deep/../run.sh', '/srv/to-directory/../run.sh']],
      ['what wildcards match', ['/srv/*.sh', '/srv/d?ep/[a-c]*', '/srv/*/e*']],
      ['links that wildcards match', ['/srv/to-*']],
      ['names that begin with a dot', ['/srv/*dotted*', '/srv/.[a-z]*']],
      ['escaped wildcards', ['/srv/\\[x\\]*', '/srv/\\**']],
      ['nothing, where wildcards match nothing', ['/srv/run.sh', '/srv/none*', '/none/*', '/srv/run.sh/*']],
      ['names with everything in them', ['/srv/it\'s\n"$x" -r/', '/srv/-x', '/srv/deep/é 日本']],
      ['a hole as long as it is', ['/srv/hole', '/srv/ends-in-hole']],
      ['a name that is missing', ['/srv/run.sj']],
      ['a name that is missing in a directory that is', ['/srf/run.sh']],
      ['a link that leads nowhere', ['/srv/nowhere']],
      ['links in a circle', ['/srv/circle']],
      ['a file for a directory', ['/srv/run.sh/below']],
      ['a pattern that is none', ['/srv/[']],
    ])('%s: the same comes from both', async (_, sources) => {
      expect(await copied(guest, sources)).toEqual(await copied(mounted, sources));
    });
    test('owners, modes, times and attributes come along', async () => {
      const [, listing] = (await copied(guest, ['/srv'])) as [string, string];
      expect(listing).toContain('run.sh 104755 12:34 1000000000 0:0 =run.sh');
      expect(listing).toContain('deep/empty 42770 0:7');
      expect(listing).toMatch(/hard2 .* =hard1/);
      expect(listing).toContain('trusted.mark=0x00ff0a3d');
      expect(listing).toContain('deep/pipe 10640');
      expect(listing).toContain('device 20600 0:0 1000000000 5:301');
    });
    test('a file that has changed has another digest', async () => {
      const digest = async (): Promise<string> =>
        digestTree(await guest.asSource({ sources: ['/srv'] }), ['/srv']);
      const before = await digest();
      expect(await digest()).toBe(before);
      chmodSync(path.join(server.root, 'srv/deep/big'), 0o640);
      expect(await digest()).not.toBe(before);
    });
    test('nothing more than what is named is fetched, and it is private', async () => {
      const tree = await guest.asSource({ sources: ['/srv/r*.sh', '/srv/deep/big'] });
      const spools = readdirSync(ssh.folder).filter((name) => name.startsWith('fetched-'));
      expect(spools).toHaveLength(1);
      const { size, mode } = statSync(path.join(ssh.folder, spools[0]));
      expect([size, mode & 0o777]).toEqual([300_000 + '#!/bin/sh\n'.length, 0o600]);
      await expect(digestTree(tree, ['/srv/hard1'])).rejects.toMatchObject({ code: 'FS_SOURCE_MISSING' });
    });
    test('what a running system has mounted over its disks is not on them', async () => {
      const sources = ['/proc', '/dev'];
      expect(readdirSync(path.join(server.root, 'proc'))).toEqual([]);
      expect(list(path.join(server.root, 'proc'))).toBe('');
      await expect(digestTree(await guest.asSource({ sources }), ['/proc/self'])).rejects.toMatchObject({
        code: 'FS_SOURCE_MISSING',
      });
      expect(await copied(guest, sources)).toEqual([expect.any(String), '']);
    });
    test('a file that cannot be read is an error of reading', async () => {
      const image = path.join(folder, 'image');
      const broken = path.join(server.root, 'srv/broken');
      mkdirSync(broken);
      execFileSync('truncate', ['-s', '8M', image]);
      const options = ['-q', '-t', 'ext4', '-b', '1024', '-O', '^extents,^64bit'];
      execFileSync('mke2fs', [...options, '-d', path.join(server.root, 'srv/deep'), image]);
      // The block that says where the later part of the file is.
      const about = execFileSync('debugfs', ['-R', 'stat /big', image], { encoding: 'utf8', stdio: 'pipe' });
      const [, block] = /\(IND\):(\d+)/.exec(about) ?? [];
      const file = openSync(image, 'r+');
      writeSync(file, Buffer.alloc(1024, 0xff), 0, 1024, Number(block) * 1024);
      closeSync(file);
      const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
      // The guest takes what comes from /dev/loop* for a file: this one gets another name.
      const name = path.join('/dev', `fetch-sources-${process.pid}`);
      execFileSync('cp', ['-a', device, name]);
      try {
        expect(await ssh.run({ script: `mount -t ext4 -o ro,noload ${name} /srv/broken` })).toBe(0);
        const asked = guest.asSource({ sources: ['/srv/broken/big'] });
        await expect(asked).rejects.toMatchObject({ code: 'FS_FAILED' });
        await ssh.run({ script: 'umount /srv/broken' });
      } finally {
        execFileSync('losetup', ['--detach', device]);
        rmSync(name);
      }
    });
    test('thousands of names that wildcards match are not too many', async () => {
      const many = path.join(server.root, 'srv/many');
      mkdirSync(many);
      for (let index = 0; index < 3000; index++)
        writeFileSync(path.join(many, `${index} ${'x'.repeat(80)}`), `${index}`);
      const [, listing] = (await copied(guest, ['/srv/many/*'])) as [string, string];
      expect(listing.split('\n')).toHaveLength(3000);
    });
    test('a guest that is gone, and a build that is interrupted, are told', async () => {
      const over = new AbortController();
      over.abort();
      const asked = guest.asSource({ sources: ['/srv'], signal: over.signal });
      await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
      const gone = new Ssh({ address: '127.0.7.250', access: { userName: 'root', password: 'x' }, folder });
      const lost = new SshFiles(gone).asSource({ sources: ['/srv'] });
      await expect(lost).rejects.toMatchObject({ code: 'HYPERV_GUEST_LOST' });
      gone.close();
    });
  },
);

function makeFiles(root: string): void {
  const at = (name: string): string => path.join(root, 'srv', name);
  for (const name of ['deep/empty', 'deep/é 日本', 'it\'s\n"$x" -r', 'chain/inner', '-x'])
    mkdirSync(at(name), { recursive: true });
  writeFileSync(at('run.sh'), '#!/bin/sh\n');
  chownSync(at('run.sh'), 12, 34);
  chmodSync(at('run.sh'), 0o4755);
  writeFileSync(at('deep/big'), Buffer.alloc(300_000, 'big '));
  writeFileSync(at('deep/é 日本/file'), 'long');
  writeFileSync(at(`deep/${'n'.repeat(200)}`), 'long name');
  writeFileSync(at('it\'s\n"$x" -r/a'), 'a');
  writeFileSync(at('-x/b'), 'b');
  for (const name of ['.dotted', '..dotted', '[x]y', '*star', 'back\\slash']) writeFileSync(at(name), name);
  writeFileSync(at('hard1'), 'hard');
  linkSync(at('hard1'), at('hard2'));
  execFileSync('truncate', ['-s', '3M', at('hole')]);
  writeFileSync(at('ends-in-hole'), 'begin');
  execFileSync('truncate', ['-s', '5M', at('ends-in-hole')]);
  symlinkSync('run.sh', at('to-file'));
  symlinkSync('/srv/deep', at('to-directory'));
  symlinkSync('../to-file', at('chain/to-file'));
  symlinkSync('../..', at('up'));
  symlinkSync('circle', at('circle'));
  symlinkSync('/none/where', at('nowhere'));
  symlinkSync("../it's/nowhere", at('deep/link'));
  execFileSync('mkfifo', ['-m', '0640', at('deep/pipe')]);
  execFileSync('mknod', ['-m', '0600', at('device'), 'c', '5', '301']);
  chownSync(at('deep/empty'), 0, 7);
  chmodSync(at('deep/empty'), 0o2770);
  execFileSync('setfattr', ['-n', 'trusted.mark', '-v', '0x00ff0a3d', at('run.sh')]);
  execFileSync('find', [path.join(root, 'srv'), '-exec', 'touch', '-h', '-d', '@1000000000', '{}', '+']);
}

/** Everything of a tree. */
function list(root: string): string {
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: root, encoding: 'utf8' });
  const names = run('find', '.', '-mindepth', '1', '-printf', '%P\\0').split('\0').filter(Boolean).sort();
  const firstOf = new Map<number, string>();
  const lines = names.map((name) => {
    const file = path.join(root, name);
    const stat = lstatSync(file);
    const first = firstOf.get(stat.ino) ?? name;
    firstOf.set(stat.ino, first);
    const { major, minor } = deviceNumbers(stat.rdev);
    const about = [
      name,
      stat.mode.toString(8),
      `${stat.uid}:${stat.gid}`,
      stat.mtimeMs / 1000,
      `${major}:${minor}`,
    ];
    const content = stat.isSymbolicLink()
      ? readlinkSync(file)
      : stat.isFile()
        ? `${stat.size} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`
        : '';
    return [...about, `=${first}`, content].join(' ');
  });
  return [...lines, ...run('getfattr', '-RPhd', '-m', '^trusted', '-e', 'hex', '.').split('\n')]
    .join('\n')
    .trim();
}
