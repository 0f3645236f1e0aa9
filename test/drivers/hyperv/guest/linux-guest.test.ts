/** Commands in Linux guests: the system's own SSH client against a real server. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { GuestCommand } from '../../../../src/drivers/driver.ts';
import { LinuxGuest } from '../../../../src/drivers/hyperv/guest/linux-guest.ts';
import { Ssh } from '../../../../src/drivers/hyperv/guest/ssh.ts';
import { describeWith } from '../../../support/needs.ts';
import { PASSWORD, SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../../support/ssh-server.ts';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

describeWith(SSH_SERVER_NEEDS, 'a Linux guest', () => {
  let server: SshServer;
  let folder: string;
  let guest: LinuxGuest;

  beforeAll(async () => {
    server = await startSshServer();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "it's a [folder] %h "));
    const access = { userName: 'root', privateKey: server.privateKey };
    guest = new LinuxGuest(new Ssh({ address: server.address, access, folder }));
  });
  afterEach(async () => {
    await guest.close();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  async function run(argv: readonly string[], more: Partial<GuestCommand> = {}, from = guest): Promise<Ran> {
    const said = { stdout: '', stderr: '' };
    const command = { argv, env: {}, workdir: '/', user: '', network: 'host', ...more } as const;
    const { status } = await from.run(command, {
      onOutput: (stream, chunk) => void (said[stream] += chunk.toString()),
    });
    return { status, ...said };
  }

  const sh = (script: string, more: Partial<GuestCommand> = {}): Promise<Ran> =>
    run(['sh', '-c', script], more);

  test('keeps the streams apart and gives a program its arguments unharmed', async () => {
    const args = ['', 'a b', "it's", '"q"', '$HOME `id` \\', '*', '-n', 'é 日本', 'two\nlines'];
    expect(await run(['printf', '[%s]', ...args])).toEqual({
      status: 0,
      stdout: args.map((arg) => `[${arg}]`).join(''),
      stderr: '',
    });
    expect(await sh('echo out; echo error >&2')).toEqual({ status: 0, stdout: 'out\n', stderr: 'error\n' });
  });
  test.each([0, 1, 3, 126, 127, 254, 255])(
    'ends with the exit status of its program, also SSH’s own: %d',
    async (status) => {
      expect((await sh(`exit ${status}`)).status).toBe(status);
    },
  );
  test('tells signals as shells do, and programs that are not there', async () => {
    expect((await sh('kill -KILL $$')).status).toBe(137);
    expect((await sh('kill -TERM $$')).status).toBe(143);
    const missing = await run(['nosuchprogram']);
    expect(missing.status).toBe(127);
    expect(missing.stderr).toContain('nosuchprogram');
  });
  test('makes the working folder and gives the environment, and nothing of its own but PATH and HOME', async () => {
    const workdir = "/srv/it's [a] $new";
    const env = { NAME: 'a "b" $c\nd', 'with.dot': '1' };
    const { stdout } = await run(['env'], { env, workdir });
    expect(
      stdout
        .split('\n')
        .map((line) => line.split('=')[0])
        .sort(),
    ).toEqual(['', 'HOME', 'NAME', 'PATH', 'd', 'with.dot'].sort());
    expect((await sh('pwd; printf %s "$NAME"', { env, workdir })).stdout).toBe(`${workdir}\n${env.NAME}`);
  });
  test('reads a script from standard input, and nothing where there is none', async () => {
    const stdin = `é\n${'x'.repeat(300_000)}\n`;
    expect((await run(['cat'], { stdin })).stdout === stdin).toBe(true);
    expect((await run(['sh'], { stdin: 'echo "$((6 * 7))"\nexit 5\n' })).status).toBe(5);
    expect((await run(['cat'])).stdout).toBe('');
    expect((await run(['true'], { stdin })).status).toBe(0);
  });
  test('tells of output as it comes, of all of it, and waits for whoever listens', async () => {
    let lines = '';
    let isBusy = false;
    // Goes on when its first line has been heard.
    const script = `echo first; while [ ! -e /srv/heard ]; do sleep 0.02; done
      i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done`;
    await guest.run(
      { argv: ['sh', '-c', script], env: {}, workdir: '/', user: '', network: 'host' },
      {
        onOutput: async (_, chunk) => {
          expect(isBusy).toBe(false);
          isBusy = true;
          await new Promise(setImmediate);
          isBusy = false;
          lines += chunk.toString();
          if (lines === 'first\n') writeFileSync(path.join(server.root, 'srv/heard'), '');
        },
      },
    );
    expect(lines).toBe(`first\n${Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')}`);
  });
  test('does not wait for what a program has left behind', async () => {
    expect(await sh('sleep 600 & echo done')).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
  });
  test('runs as the user of the recipe, with that user’s groups and home', async () => {
    const who = 'echo $(id -u) $(id -g) $(id -G) $HOME';
    expect((await sh(who)).stdout).toBe('0 0 0 /root\n');
    expect((await sh(who, { user: 'builder' })).stdout).toBe('1000 1000 1000 44 /home/builder\n');
    expect((await sh(who, { user: 'builder:video' })).stdout).toBe('1000 44 44 /home/builder\n');
    expect((await sh(who, { user: '4711:4712' })).stdout).toBe('4711 4712 4712 /\n');
    await expect(sh(who, { user: 'nobody-knows' })).rejects.toMatchObject({ code: 'FS_USER_UNKNOWN' });
  });
  test('ends a command that is cancelled, and all that it has started', async () => {
    const cancel = new AbortController();
    const running = guest.run(
      {
        argv: ['sh', '-c', 'sleep 6011 & echo started; wait'],
        env: {},
        workdir: '/',
        user: '',
        network: 'host',
      },
      { onOutput: () => cancel.abort(), signal: cancel.signal },
    );
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await vi.waitFor(
      () => expect(commandLines().filter((line) => line === 'sleep 6011')).toEqual([]),
      60_000,
    );
    expect((await sh('echo on')).stdout).toBe('on\n');
  });
  test('runs a command without a network: nothing but a loopback of its own', async () => {
    const offline = { network: 'none' } as const;
    const reach = (address: string, port: string): string =>
      `perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new("${address}:${port}") ? 0 : 1)'`;
    expect((await sh(reach(server.address, '22'))).status).toBe(0);
    expect((await sh(reach(server.address, '22'), offline)).status).toBe(1);
    const names = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    expect((await sh(names, offline)).stdout).toBe('lo\n');
    const listen = `perl -MIO::Socket::INET -e '
      my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or exit 2;
      exit(IO::Socket::INET->new("127.0.0.1:" . $server->sockport) ? 0 : 3)'`;
    expect((await sh(listen, offline)).status).toBe(0);
    expect((await sh(names)).stdout).toContain('lo\n');
  });
  test('does all else for a command without a network that it does for others', async () => {
    const offline = { network: 'none' } as const;
    const script = 'echo $(id -u) $(id -G) $HOME; pwd; cat; echo error >&2; exit 7';
    const more = { ...offline, user: 'builder', workdir: '/srv/in', stdin: 'given\n' };
    expect(await sh(script, more)).toEqual({
      status: 7,
      stdout: '1000 1000 44 /home/builder\n/srv/in\ngiven\n',
      stderr: 'error\n',
    });
    expect((await sh('kill -KILL $$', offline)).status).toBe(137);
    const cancel = new AbortController();
    const argv = ['sh', '-c', 'sleep 6012 & echo started; wait'];
    const running = guest.run(
      { argv, env: {}, workdir: '/', user: '', ...offline },
      { onOutput: () => cancel.abort(), signal: cancel.signal },
    );
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await vi.waitFor(
      () => expect(commandLines().filter((line) => line === 'sleep 6012')).toEqual([]),
      60_000,
    );
  });
  test('says so when it cannot take a command’s network away, and does not run it', async () => {
    expect((await sh('mount --bind /dev/null /usr/bin/unshare')).status).toBe(0);
    try {
      const refused = sh('touch /srv/ran', { network: 'none' });
      await expect(refused).rejects.toMatchObject({
        code: 'HYPERV_GUEST_UNSHARE',
        message: expect.stringContaining('unshare') as string,
      });
      await expect(guest.files.asSource({ sources: ['/srv'] })).rejects.toMatchObject({
        code: 'HYPERV_GUEST_UNSHARE',
      });
      expect(existsSync(path.join(server.root, 'srv/ran'))).toBe(false);
      expect((await sh('echo on')).stdout).toBe('on\n');
    } finally {
      await sh('umount /usr/bin/unshare');
    }
  });
  test('that is gone in the middle of a command is missed', async () => {
    const other = await startSshServer();
    const access = { userName: 'root', privateKey: other.privateKey };
    const passing = new LinuxGuest(new Ssh({ address: other.address, access, folder }));
    let stopped: Promise<void> | undefined;
    const running = passing.run(
      { argv: ['sh', '-c', 'echo on; sleep 600'], env: {}, workdir: '/', user: '', network: 'host' },
      { onOutput: () => void (stopped ??= other.stop()) },
    );
    await expect(running).rejects.toMatchObject({ code: 'HYPERV_GUEST_LOST' });
    await stopped;
    await passing.close();
  });
  test('takes a password, which is in no file and in no argument', async () => {
    const access = { userName: 'root', password: PASSWORD };
    const ssh = new Ssh({ address: server.address, access, folder });
    const entered = new LinuxGuest(ssh);
    expect((await run(['sh', '-c', 'echo in'], {}, entered)).stdout).toBe('in\n');
    const [own] = readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'ask.sh')));
    const files = readdirSync(path.join(folder, own)).map((name) =>
      readFileSync(path.join(folder, own, name), 'utf8'),
    );
    expect(files.filter((text) => text.includes(PASSWORD))).toEqual([]);
    await entered.close();
  });
  test('keeps its private key from others, and only as long as it is needed', () => {
    const [own] = readdirSync(folder);
    expect(statSync(path.join(folder, own)).mode & 0o77).toBe(0);
    expect(statSync(path.join(folder, own, 'key')).mode & 0o777).toBe(0o600);
  });
});

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
      } catch {
        return '';
      }
    });
}
