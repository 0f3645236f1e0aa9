/** What goes wrong on a Hyper-V host is said, and nothing is left of it. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runTool } from '../../../src/base/process.ts';
import type { Sandbox } from '../../../src/drivers/driver.ts';
import type { HyperVDriver } from '../../../src/drivers/hyperv/driver.ts';
import { openForChange } from '../../../src/vhdx/edit/open.ts';
import { describeWith } from '../../support/needs.ts';
import { GIB } from '../../support/powershell/standin/host/faults.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { ACCESS, line, runLine } from './line.ts';
import { HyperVSite } from './site.ts';

describeWith(STANDIN_NEEDS, 'a host where something goes wrong', () => {
  const site = new HyperVSite();
  let driver: HyperVDriver;

  beforeAll(() => site.prepare());
  afterAll(() => site.remove());
  afterEach(async () => {
    const { faults, guest } = site.standIn.host;
    Object.assign(faults, { freeMemoryBytes: 16 * GIB, latencyMs: 0 });
    Object.assign(guest, { heartbeatAfterMs: 0, directAfterMs: 0 });
    await driver.close();
    await site.standIn.host.settled();
    site.expectClean();
  });

  function open(options: Parameters<HyperVSite['driver']>[0] = {}): Promise<Sandbox> {
    driver = site.driver(options);
    return driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
  }

  /** The PowerShell of this process's drivers that has the stand-in's modules. */
  function powershells(): number[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const parent = / \S+ (\d+) /.exec(
          readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\)/, ''),
        )?.[1];
        const isSession = readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('-NoExit');
        return isSession && Number(parent) === process.pid ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  }

  test('waits for a guest that boots slowly', async () => {
    const { guest } = site.standIn.host;
    Object.assign(guest, { heartbeatAfterMs: Infinity, directAfterMs: Infinity });
    const onStatus = (status: string | undefined): void => {
      // It goes on when it has been seen as it is.
      if (status?.startsWith('no heartbeat')) guest.heartbeatAfterMs = 0;
      if (status?.includes('PowerShell Direct')) guest.directAfterMs = 0;
    };
    driver = site.driver();
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one'), onStatus });
    expect((await runLine(sandbox, 'echo up')).stdout).toBe('up\r\n');
  });

  test('gives a guest up that shows no sign of life', async () => {
    site.standIn.host.guest.heartbeatAfterMs = Infinity;
    const sandbox = await open({ options: { 'boot-timeout': '1s' } });
    await expect(runLine(sandbox, 'echo up')).rejects.toMatchObject({ code: 'HYPERV_GUEST_NO_HEARTBEAT' });
    await expect(sandbox.seal()).rejects.toMatchObject({ code: 'DRIVER_SANDBOX_CLOSED' });
  });

  test('says that nobody can get into the guest before it makes a machine', async () => {
    driver = site.driver();
    await driver.close();
    const sandbox = await open({ guestAccess: undefined });
    const before = site.standIn.host.calls.length;
    await expect(runLine(sandbox, 'echo up')).rejects.toMatchObject({ code: 'HYPERV_NO_CREDENTIALS' });
    expect(site.standIn.host.calls.slice(before)).not.toContain('New-VM');
  });

  test('says that the guest does not take the account', async () => {
    const sandbox = await open({ guestAccess: () => Promise.resolve({ ...ACCESS, password: 'wrong' }) });
    const failure = runLine(sandbox, 'echo up');
    await expect(failure).rejects.toMatchObject({ code: 'HYPERV_GUEST_REFUSED' });
    await expect(failure).rejects.not.toThrow('wrong');
  });

  test('has too little memory', async () => {
    site.standIn.host.faults.freeMemoryBytes = GIB / 8;
    await expect(runLine(await open(), 'echo up')).rejects.toMatchObject({ code: 'HYPERV_MEMORY' });
  });

  /** Writes to a disk as whoever starts it in a machine of his own does. */
  function writeTo(diskPath: string): void {
    const disk = openForChange(diskPath);
    disk.write(Buffer.alloc(512, 'x'), disk.sizeBytes - 512 * 1024);
    disk.close();
  }

  test.each(['files', 'first command', 'next command'] as const)(
    'says which parent was written to that the disk of the %s stands on',
    async (step) => {
      const base = path.join(site.folder, 'written-to.vhdx');
      copyFileSync(site.base, base);
      driver = site.driver();
      const [one, two] = [site.layer('one'), site.layer('two')];
      const sandbox = await driver.open({ chain: [base], sandboxPath: one });
      if (step === 'next command') {
        await runLine(sandbox, 'exit 0');
        await sandbox.seal(two);
      }
      writeTo(base);
      const failing =
        step === 'files' ? sandbox.files.readFile('C:\\readme.txt') : runLine(sandbox, 'exit 0');
      await expect(failing).rejects.toMatchObject({
        code: 'VHDX_PARENT_MISMATCH',
        data: { path: one, parent: base },
        hint: expect.stringContaining('Put back the parent as it was') as string,
      });
      await driver.close();
      for (const file of [one, base]) rmSync(file, { force: true });
    },
  );

  test('refuses a disk that nothing is wrong with, and says what Windows says', async () => {
    site.standIn.host.faults.failNext.set('Start-VM', 'operationFailed');
    await expect(runLine(await open(), 'exit 0')).rejects.toMatchObject({
      code: 'POWERSHELL_FAILED',
      data: { id: expect.stringMatching(/^OperationFailed,/) as string },
    });
  });

  test('has no room for a difference', async () => {
    const full = path.join(site.folder, 'full');
    mkdirSync(full);
    await runTool('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'full', full]);
    try {
      driver = site.driver();
      const opening = driver.open({ chain: [site.base], sandboxPath: path.join(full, 'one.vhdx') });
      await expect(opening).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(readdirSync(full)).toEqual([]);
    } finally {
      await runTool('umount', [full]);
    }
  });

  test('loses the connection to the guest in the middle of a command', async () => {
    const sandbox = await open();
    let ended: Promise<void> | undefined;
    const running = sandbox.run(line('echo begun && sleep 60'), {
      onOutput: () => void (ended ??= site.standIn.host.guests.endSessions()),
    });
    await expect(running).rejects.toMatchObject({ code: 'HYPERV_GUEST_LOST' });
    await ended;
  });

  test('loses PowerShell in the middle of a command', async () => {
    const before = powershells();
    const sandbox = await open();
    let own: number[] = [];
    const running = sandbox.run(line('echo begun && sleep 60'), {
      onOutput: () => {
        own = powershells().filter((pid) => !before.includes(pid));
        for (const pid of own) process.kill(pid, 'SIGKILL');
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'POWERSHELL_LOST' });
    expect(own).toHaveLength(1);
    await expect(runLine(sandbox, 'exit 0')).rejects.toMatchObject({ code: 'DRIVER_SANDBOX_CLOSED' });
  });

  test('is interrupted while it makes a machine that nobody has heard of yet', async () => {
    site.standIn.host.faults.latencyMs = 300;
    const sandbox = await open();
    const cancelling = new AbortController();
    const running = runLine(sandbox, 'exit 0', {}, { signal: cancelling.signal });
    while (site.standIn.host.machines.size === 0) await sleep(20);
    cancelling.abort();
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('is interrupted in the middle of a command', async () => {
    const sandbox = await open();
    const cancelling = new AbortController();
    const running = sandbox.run(line('echo begun && sleep 60'), {
      onOutput: () => cancelling.abort(),
      signal: cancelling.signal,
    });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('is interrupted while it mounts a disk', async () => {
    const cancelling = new AbortController();
    site.standIn.host.faults.latencyMs = 300;
    driver = site.driver();
    const { signal } = cancelling;
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one'), signal });
    const reading = sandbox.files.readFile('C:\\readme.txt');
    while (!site.standIn.host.calls.includes('Add-PartitionAccessPath')) await sleep(20);
    cancelling.abort();
    await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
