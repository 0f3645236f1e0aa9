/** Commands in Windows guests: the real PowerShell and its remoting, against the stand-in of Hyper-V. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { GuestCommand } from '../../../../src/drivers/driver.ts';
import type { Guest } from '../../../../src/drivers/hyperv/guest/guest.ts';
import { describeWith } from '../../../support/needs.ts';
import { STANDIN_NEEDS } from '../../../support/powershell/standin/standin.ts';
import { cmd, command, startBench, type Bench } from './windows-support.ts';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(guest: Guest, what: GuestCommand): Promise<Ran> {
  const said = { stdout: '', stderr: '' };
  const { status } = await guest.run(what, {
    onOutput: (stream, chunk) => void (said[stream] += chunk.toString()),
  });
  return { status, ...said };
}

describeWith(STANDIN_NEEDS, 'a Windows guest', () => {
  let bench: Bench;
  let guest: Guest;

  beforeAll(async () => {
    bench = await startBench();
    guest = await bench.connect();
  });
  afterAll(() => bench.close());
  // To connect takes longer than most of what is tested: they share a guest until one of them has switched it off.
  beforeEach(async () => {
    if (await bench.reset()) guest = await bench.connect();
  });

  test('runs what the shell form says, as it is written', async () => {
    const quoted = await run(
      guest,
      cmd('echo "a  b" %TEMP_X% & echo c> "C:\\new file.txt"', { env: { temp_x: 'x' } }),
    );
    expect(quoted).toEqual({ status: 0, stdout: '"a  b" x \r\n', stderr: '' });
    expect(readFileSync(path.join(bench.drive(), 'new file.txt'), 'utf8')).toBe('c\r\n');
    const failed = await run(guest, cmd('nosuchprogram'));
    expect(failed).toMatchObject({ status: 1, stdout: '' });
    expect(failed.stderr).toContain('not recognized');
  });
  test('gives a program its arguments unharmed', async () => {
    const args = [
      'a b',
      '',
      'q"q',
      'back\\',
      'a\\"b',
      '\\\\server\\x y\\',
      '%PATH%',
      '$x `y',
      "it's",
      '日本 é',
    ];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const { stdout, stderr } = await run(guest, command([process.execPath, '-e', script, '--', ...args]));
    expect([JSON.parse(stdout), stderr]).toEqual([args, '']);
  });
  test.each([0, 1, 255, 3010, 1641, 65536])('ends with the exit code of its program: %d', async (code) => {
    expect((await run(guest, cmd(`exit ${code}`))).status).toBe(code);
  });
  test('tells exit codes as Windows does: without a sign', async () => {
    expect((await run(guest, cmd('exit -1'))).status).toBe(0xffff_ffff);
    expect((await run(guest, cmd('exit -1073741819'))).status).toBe(0xc000_0005);
  });
  test('makes the working folder', async () => {
    const workdir = "C:\\it's [a]\\$new 日本";
    const { stdout } = await run(guest, cmd('cd', { workdir }));
    expect(stdout).toBe(`${workdir}\r\n`);
    expect(existsSync(path.join(bench.drive(), "it's [a]", '$new 日本'))).toBe(true);
  });
  test('gives the environment to that program only, whatever the case of its names', async () => {
    const env = { computerNAME: 'other', EMPTY: '', QUOTED: 'a "b" %c% = d' };
    const show = 'echo [%COMPUTERNAME%][%QUOTED%]';
    expect((await run(guest, cmd(show, { env }))).stdout).toBe('[other][a "b" %c% = d]\r\n');
    expect((await run(guest, cmd(show))).stdout).toMatch(/^\[hyperfile_guests_.*\]\[%QUOTED%\]\r\n$/);
  });
  test('reads a script from standard input, and nothing where there is none', async () => {
    const script = 'process.stdin.pipe(process.stdout)';
    const stdin = `é 日本\n${'x'.repeat(200_000)}`;
    const { stdout } = await run(guest, command([process.execPath, '-e', script], { stdin }));
    expect(stdout === stdin).toBe(true);
    expect((await run(guest, command([process.execPath, '-e', script]))).stdout).toBe('');
    // One that does not read it.
    expect((await run(guest, cmd('exit 4', { stdin }))).status).toBe(4);
  });
  test('tells of each line as it comes, in both streams', async () => {
    // Goes on when the line before has been heard.
    const script = `
      const { existsSync } = require('node:fs');
      const { setTimeout: sleep } = require('node:timers/promises');
      const heard = async (line) => { while (!existsSync(process.argv[1] + line)) await sleep(20); };
      void (async () => {
        console.log('first');
        await heard('first');
        console.error('second');
        await heard('second');
        process.stdout.write('no end');
        process.stderr.write('last');
      })()`;
    const place = path.join(bench.drive(), 'heard-');
    const heard: string[] = [];
    await guest.run(command([process.execPath, '-e', script, '--', place]), {
      onOutput: (stream, chunk) => {
        heard.push(`${stream} ${chunk.toString()}`);
        if (heard.length <= 2) writeFileSync(`${place}${chunk.toString().trim()}`, '');
      },
    });
    expect(heard.slice(0, 2)).toEqual(['stdout first\n', 'stderr second\n']);
    expect(heard.slice(2).sort()).toEqual(['stderr last', 'stdout no end']);
  });
  test('reads what is no UTF-8 in the code page of consoles, line by line', async () => {
    const script = `process.stdout.write(Buffer.concat([
      Buffer.from('é 日本 😀\\n'), Buffer.from([0x82, 0x20, 0x81, 0x0d, 0x0a]), Buffer.from('ü\\0\\x1b[31m')]))`;
    const { stdout } = await run(guest, command([process.execPath, '-e', script]));
    expect(stdout).toBe('é 日本 😀\né ü\r\nü\0\x1b[31m');
  });
  test('passes on much output whole, and waits for whoever listens', async () => {
    const script = `for (let i = 0; i < 100000; i++) console.log(i + ' ' + 'x'.repeat(20))`;
    const lines: string[] = [];
    let busy = 0;
    let most = 0;
    await guest.run(command([process.execPath, '-e', script]), {
      onOutput: async (_, chunk) => {
        most = Math.max(most, ++busy);
        await sleep(1);
        busy--;
        lines.push(...chunk.toString().split('\n').slice(0, -1));
      },
    });
    expect(lines).toEqual(Array.from({ length: 100_000 }, (_, i) => `${i} ${'x'.repeat(20)}`));
    expect(most).toBe(1);
  });
  test('says of a program that is not there what Docker says: 127', async () => {
    const missing = await run(guest, command(['nosuch.exe', 'x']));
    expect(missing).toMatchObject({ status: 127, stdout: '' });
    expect(missing.stderr).toMatch(/^nosuch\.exe: ./);
  });
  test('does not wait for what a program has left behind', async () => {
    const script = `require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' }).unref(); console.log('done')`;
    expect(await run(guest, command([process.execPath, '-e', script]))).toEqual({
      status: 0,
      stdout: 'done\n',
      stderr: '',
    });
  });
  test('goes on with a program that has closed its streams', async () => {
    const script = `process.stdin.on('end', () => process.exit(9)).resume();
      for (const stream of [1, 2]) require('node:fs').closeSync(stream)`;
    const stdin = 'x'.repeat(100_000);
    expect(await run(guest, command([process.execPath, '-e', script], { stdin }))).toEqual({
      status: 9,
      stdout: '',
      stderr: '',
    });
  });
  test('runs as the account it was entered with', async () => {
    for (const user of ['', 'administrator', '.\\Administrator', 'ContainerAdministrator'])
      expect((await run(guest, cmd('whoami', { user }))).stdout).toMatch(/^\S+\\administrator\r\n$/);
  });
  test('says of a working folder that it cannot have what Docker says: 126', async () => {
    await run(guest, cmd('echo x> C:\\file'));
    const failed = await run(guest, cmd('exit 0', { workdir: 'C:\\file\\sub' }));
    expect(failed).toMatchObject({ status: 126, stdout: '' });
    expect(failed.stderr).toMatch(/^cmd: ./);
  });
  test('ends a command that is cancelled, and all that it has started', async () => {
    const script = `const child = require('node:child_process').spawn('sleep', ['600']); console.log(process.pid + ' ' + child.pid); setInterval(() => {}, 1000)`;
    const cancel = new AbortController();
    let ids: number[] = [];
    const running = guest.run(command([process.execPath, '-e', script]), {
      onOutput: (_, chunk) => {
        ids = chunk.toString().trim().split(' ').map(Number);
        cancel.abort();
      },
      signal: cancel.signal,
    });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(ids).toHaveLength(2);
    await vi.waitFor(() => expect(ids.filter(isRunning)).toEqual([]), 60_000);
    // The guest goes on, and so does this connection.
    expect((await run(guest, cmd('echo on'))).stdout).toBe('on\r\n');
  });
  test('that hangs can be left', async () => {
    const cancel = new AbortController();
    const running = run(guest, cmd('echo on')).then(() =>
      guest.run(command([process.execPath, '-e', 'console.log(1); setInterval(() => {}, 1000)']), {
        onOutput: () => {
          bench.standIn.host.guests.hang(bench.machineId);
          setTimeout(() => cancel.abort(), 300);
        },
        signal: cancel.signal,
      }),
    );
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await bench.host.stopMachine(bench.machineId, 0);
  });
  test('that goes in the middle of a command is missed at once', async () => {
    const { host } = bench.standIn;
    let off: Promise<void> | undefined;
    const running = guest.run(
      command([process.execPath, '-e', 'console.log(1); setInterval(() => {}, 1000)']),
      {
        onOutput: () => {
          off = host.power.turnOff(host.machineById(bench.machineId));
        },
      },
    );
    await expect(running).rejects.toMatchObject({
      code: 'HYPERV_GUEST_LOST',
      message: expect.stringContaining('the connection to the guest ended while the command ran: ') as string,
    });
    await off;
  });
  test('costs one call to reach and one for each command', async () => {
    const before = bench.session.callCount;
    const other = await bench.connect();
    await run(other, cmd('exit 0'));
    await run(other, cmd('exit 0'));
    expect(bench.session.callCount - before).toBe(3);
    await bench.expectSessions(1);
    await other.close();
    await bench.expectSessions(0);
  });
  test('goes on in a new session when PowerShell has been started anew', async () => {
    const entered = await bench.connect();
    await bench.losePowerShell();
    expect((await run(entered, cmd('echo on'))).stdout).toBe('on\r\n');
  });
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
