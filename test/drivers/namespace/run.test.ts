import { existsSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sandbox } from '../../../src/drivers/driver.ts';
import type { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import { describeWith } from '../../support/needs.ts';
import { GUEST_NEEDS, interrupted, run, sh, Workplace } from '../support/guest.ts';
import { lastingLeftovers } from '../../support/traces.ts';

describeWith(GUEST_NEEDS, 'a command in a guest', () => {
  let place: Workplace;
  let driver: NamespaceDriver;
  let sandbox: Sandbox;

  beforeAll(async () => {
    place = new Workplace();
    driver = place.driver();
    const chain = await place.makeGuest(driver);
    sandbox = await driver.open({ chain, sandboxPath: place.layerPath(), root: place.root });
  });

  afterAll(async () => {
    await driver.close();
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
    place.remove();
  });

  test('writes to both streams', async () => {
    expect(await sh(sandbox, 'echo out; echo err >&2')).toEqual({
      status: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  test('ends with its own exit status', async () => {
    for (const status of [0, 1, 3, 125, 126, 127, 255]) {
      expect((await sh(sandbox, `exit ${status}`)).status).toBe(status);
    }
  });

  test('ends with 128 and the number of the signal that ended it', async () => {
    // Process 1 of a namespace takes no deadly signal from inside, but the kernel's own.
    expect((await sh(sandbox, 'ulimit -t 1; while :; do :; done')).status).toBe(137);
    expect((await sh(sandbox, 'sh -c "kill -15 \\$\\$"; exit $?')).status).toBe(143);
  });

  test('that does not exist ends with 127, one that may not be run with 126', async () => {
    const missing = await run(sandbox, ['no-such-program']);
    expect(missing).toMatchObject({ status: 127, stderr: 'no-such-program: not found\n' });
    expect((await run(sandbox, ['/etc/passwd'])).status).toBe(126);
    expect((await run(sandbox, ['/tmp'])).status).toBe(126);
  });

  test('sees its arguments and environment byte for byte', async () => {
    const argv = ['printf', '[%s]', '', 'a b', '$HOME', '"\'\\', 'ü\n'];
    expect((await run(sandbox, argv)).stdout).toBe('[][a b][$HOME]["\'\\][ü\n]');
    const env = { 'a.b': 'dotted', EMPTY: '', LINES: 'one\ntwo', LD_PRELOAD: '/nowhere.so', PATH: '/bin' };
    const { stdout, stderr } = await run(sandbox, ['cat', '/proc/self/environ'], { env });
    const entries = stdout.split('\0').filter(Boolean);
    const seen = Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s) as [string, string]));
    expect(seen).toEqual({ ...env, HOSTNAME: 'hyperfile', HOME: '/root' });
    expect(stderr).toBe('');
  });

  test('has a PATH, a HOME and a host name when the image sets none', async () => {
    const { stdout } = await sh(sandbox, 'echo $PATH; echo $HOME; echo $HOSTNAME; hostname');
    const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    expect(stdout).toBe(`${defaultPath}\n/root\nhyperfile\nhyperfile\n`);
  });

  test('reads its standard input, which it can open again by name', async () => {
    const text = 'line\n'.repeat(50_000);
    const count = await run(sandbox, ['wc', '-c'], { stdin: text });
    expect(count.stdout.trim()).toBe(String(text.length));
    expect((await run(sandbox, ['cat', '/dev/stdin'], { stdin: 'again' })).stdout).toBe('again');
    expect((await run(sandbox, ['cat'])).stdout).toBe('');
  });

  test('can open its output again by name, also as a user without rights', async () => {
    for (const user of ['', 'alice']) {
      const { stdout, stderr } = await sh(sandbox, 'echo a >/dev/stdout; echo b >/dev/stderr', { user });
      expect([stdout, stderr]).toEqual(['a\n', 'b\n']);
    }
  });

  test('may write more than any buffer holds', async () => {
    const { stdout } = await sh(sandbox, 'dd if=/dev/zero bs=1M count=8 2>/dev/null');
    expect(stdout.length).toBe(8 * 1024 * 1024);
  });

  test('runs as the user that the guest knows, with that user’s groups and home', async () => {
    const report = 'id -u; id -g; id -G; echo $HOME';
    expect((await sh(sandbox, report, { user: 'alice' })).stdout).toBe(
      '1000\n1000\n1000 29 50\n/home/alice\n',
    );
    expect((await sh(sandbox, report, { user: '1000' })).stdout).toBe(
      '1000\n1000\n1000 29 50\n/home/alice\n',
    );
    expect((await sh(sandbox, report, { user: 'alice:audio' })).stdout).toBe('1000\n29\n29\n/home/alice\n');
    expect((await sh(sandbox, report, { user: '4242:17' })).stdout).toBe('4242\n17\n17\n/\n');
    await expect(sh(sandbox, report, { user: 'nobody-here' })).rejects.toMatchObject({
      code: 'FS_USER_UNKNOWN',
    });
    await expect(sh(sandbox, report, { user: 'alice:none' })).rejects.toMatchObject({
      code: 'FS_GROUP_UNKNOWN',
    });
  });

  test('starts in its working directory, which is made for it', async () => {
    const { stdout } = await sh(sandbox, 'pwd; stat -c %u:%g:%a .', { workdir: '/srv/a/b', user: 'alice' });
    expect(stdout).toBe('/srv/a/b\n0:0:755\n');
  });

  test('takes what it left running with it', async () => {
    const { stdout, status } = await sh(
      sandbox,
      '(trap "" TERM HUP; sleep 1000) & setsid sleep 1000 & echo done',
    );
    expect([status, stdout]).toEqual([0, 'done\n']);
    expect((await sh(sandbox, 'ps | grep -c "[s]leep 1000"')).stdout).toBe('0\n');
  });

  test('sees no network but its own loopback when it is to have none', async () => {
    const { stdout } = await sh(sandbox, 'ls /sys/class/net; ping -c1 -w2 127.0.0.1 >/dev/null && echo up', {
      network: 'none',
    });
    expect(stdout).toBe('lo\nup\n');
  });

  test('that is interrupted ends at once, with all it started', async () => {
    const running = interrupted(sandbox, 'trap "" TERM; sleep 1000 & echo begun; sleep 1000');
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect((await sh(sandbox, 'echo still usable')).stdout).toBe('still usable\n');
    await expect(run(sandbox, ['true'], {}, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });

  test('finds the name servers of the host, and leaves no trace of them', async () => {
    const seen = await sh(sandbox, 'cat /etc/resolv.conf; cat /etc/hosts; echo x >>/etc/resolv.conf');
    expect(seen.stdout).toContain('hyperfile');
    expect(seen.stderr).toContain('Read-only');
    expect(await sandbox.files.readFile('/etc/resolv.conf')).toBeUndefined();
    expect(await sandbox.files.readFile('/etc/hosts')).toBeUndefined();
  });

  test('finds them through a link too, which stays as it is', async () => {
    const link = path.join((await sandbox.files.asSource({ sources: [] })).rootPath, 'etc/resolv.conf');
    symlinkSync('../run/resolve/stub.conf', link);
    expect((await sh(sandbox, 'test -e /etc/resolv.conf && readlink /etc/resolv.conf')).stdout).toBe(
      '../run/resolve/stub.conf\n',
    );
    expect(await sandbox.files.readFile('/run/resolve/stub.conf')).toBeUndefined();
    expect(existsSync('/run/resolve')).toBe(false);
    unlinkSync(link);
  });

  test('may change the hosts file of a guest that has one', async () => {
    await sandbox.files.writeFile({
      destination: '/etc/hosts',
      name: '',
      content: Buffer.from('127.0.0.1 localhost\n'),
    });
    await sh(sandbox, 'echo 192.0.2.1 other >>/etc/hosts');
    expect((await sandbox.files.readFile('/etc/hosts'))?.toString()).toBe(
      '127.0.0.1 localhost\n192.0.2.1 other\n',
    );
  });

  test('cannot run in a guest whose /dev is no directory', async () => {
    const chain = await place.makeGuest(driver);
    const other = await driver.open({ chain, sandboxPath: place.layerPath(), root: place.root });
    const root = (await other.files.asSource({ sources: [] })).rootPath;
    rmdirSync(path.join(root, 'dev'));
    symlinkSync('/etc', path.join(root, 'dev'));
    await expect(sh(other, 'true')).rejects.toMatchObject({ code: 'DRIVER_GUEST_UNUSABLE' });
    unlinkSync(path.join(root, 'dev'));
    expect((await sh(other, 'ls /dev | wc -l')).stdout).not.toBe('0\n');
    expect(existsSync(path.join(root, 'dev'))).toBe(false);
    await other.close();
  });
});
