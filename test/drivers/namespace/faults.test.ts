import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanStaleSessions } from '../../../src/drivers/drivers.ts';
import type { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import { describeWith, OPEN_TO_OTHERS, testWith } from '../../support/needs.ts';
import { withOwnMounts } from '../../support/own-mounts.ts';
import { GUEST_NEEDS, sh, Workplace } from '../support/guest.ts';
import { lastingLeftovers, leftovers } from '../../support/traces.ts';

const BUILD = path.resolve(import.meta.dirname, '../support/sleeping-build.ts');

describeWith([...GUEST_NEEDS, 'setpriv', 'unshare'], 'when things go wrong', () => {
  let place: Workplace;
  let driver: NamespaceDriver;
  let chain: string[];

  beforeAll(async () => {
    place = new Workplace();
    driver = place.driver();
    chain = await place.makeGuest(driver);
    await driver.close();
  });

  afterAll(() => place.remove());

  /** Starts a build that gets stuck, under a prefix command; resolves with the first line it prints. */
  async function startBuild(layer: string, prefix: readonly string[] = []): Promise<[ChildProcess, string]> {
    const args = [BUILD, place.stateFolder, JSON.stringify(place.root), layer, ...chain];
    const [tool = '', ...rest] = [...prefix, process.execPath, ...args];
    const child = spawn(tool, rest, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const line = await new Promise<string>((resolve) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      child.once('close', () => resolve('ended'));
    });
    return [child, line];
  }

  test('a build killed outright leaves what the next command removes, and nothing in the guest lives on', async () => {
    const layer = place.layerPath();
    const [build, line] = await startBuild(layer);
    expect(line).toBe('running');
    const device = guestDevice(place.stateFolder);
    const inside = processesOn(device);
    expect(inside).not.toEqual([]);
    expect(await cleanStaleSessions(place.stateFolder)).toBe(0);
    build.kill('SIGKILL');
    await ended(build);
    expect(leftovers(place.stateFolder)).not.toEqual([]);
    expect(existsSync(layer)).toBe(true);
    expect(await cleanStaleSessions(place.stateFolder)).toBe(1);
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
    // The device may be another guest's by now.
    expect(processesOn(device).filter((pid) => inside.includes(pid))).toEqual([]);
    expect(existsSync(layer)).toBe(false);
    expect(readdirSync(path.join(place.stateFolder, 'run'))).toEqual([]);
    expect(chain.every((file) => existsSync(file))).toBe(true);
  });

  test('cleaning up after one build leaves another alone', async () => {
    const [dying, living] = [place.layerPath(), place.layerPath()];
    const [[first], [second]] = await Promise.all([startBuild(dying), startBuild(living)]);
    first.kill('SIGKILL');
    await ended(first);
    expect(await cleanStaleSessions(place.stateFolder)).toBe(1);
    expect([existsSync(dying), existsSync(living)]).toEqual([false, true]);
    expect(second.exitCode).toBeNull();
    expect(leftovers(place.stateFolder)).not.toEqual([]);
    second.kill('SIGKILL');
    await ended(second);
    expect(await cleanStaleSessions(place.stateFolder)).toBe(1);
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
  });

  test('a launcher that is killed takes its command with it', async () => {
    const own = place.driver();
    const sandbox = await own.open({ chain, sandboxPath: place.layerPath(), root: place.root });
    const running = sh(sandbox, 'sleep 1000', { user: 'alice' });
    const failed = expect(running).rejects.toMatchObject({ code: 'DRIVER_START_FAILED' });
    process.kill(await childRunning('perl'), 'SIGKILL');
    await failed;
    expect((await sh(sandbox, 'ps | grep -c "[s]leep 1000"')).stdout).toBe('0\n');
    await own.close();
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
  });

  test('a disk server that is killed during a command is what the error names', async () => {
    const own = place.driver();
    const layer = place.layerPath();
    const sandbox = await own.open({ chain, sandboxPath: layer, root: place.root });
    const running = sh(sandbox, 'while :; do echo x >>/file; sync; done');
    const failed = expect(running).rejects.toMatchObject({ code: 'DRIVER_DISK_LOST' });
    process.kill(await childRunning('fuse/server/main.ts'), 'SIGKILL');
    await failed;
    await expect(sh(sandbox, 'true')).rejects.toMatchObject({ code: 'DRIVER_DISK_LOST' });
    await expect(sandbox.seal()).rejects.toMatchObject({ code: 'DRIVER_DISK_LOST' });
    await own.close();
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
    expect(existsSync(layer)).toBe(false);
  });

  test('a driver that is closed with a sandbox open leaves nothing', async () => {
    const own = place.driver();
    const layer = place.layerPath();
    const sandbox = await own.open({ chain, sandboxPath: layer, root: place.root });
    await sandbox.files.writeFile({ destination: '/x', name: '', content: Buffer.from('x') });
    await own.close();
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
    expect(existsSync(layer)).toBe(false);
  });

  testWith([OPEN_TO_OTHERS], 'without root rights the error says so, and nothing is made', async () => {
    const layer = place.layerPath();
    const [, line] = await startBuild(layer, ['setpriv', '--reuid=65534', '--clear-groups', '--']);
    expect(line).toBe('NOT_ROOT');
    expect(existsSync(layer)).toBe(false);
  });

  test('without /dev/fuse the error says so, and nothing is made', async () => {
    const layer = place.layerPath();
    const hide = 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"';
    const [build, line] = await startBuild(layer, withOwnMounts(place.stateFolder, hide));
    expect(line).toBe('FUSE_UNAVAILABLE');
    await ended(build);
    expect(existsSync(layer)).toBe(false);
    await cleanStaleSessions(place.stateFolder);
    expect(readdirSync(path.join(place.stateFolder, 'run'))).toEqual([]);
  });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('close', resolve));
}

/** A child of this process whose command line holds `text`. */
async function childRunning(text: string): Promise<number> {
  for (;;) {
    const found = processIds().find((pid) => {
      const [stat, line] = [readProcess(pid, 'stat'), readProcess(pid, 'cmdline')];
      return stat.slice(stat.lastIndexOf(')')).split(' ')[2] === String(process.pid) && line.includes(text);
    });
    if (found !== undefined) {
      // It is to be in the middle of its work.
      await sleep(200);
      return found;
    }
    await sleep(5);
  }
}

function guestDevice(stateFolder: string): number {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((text) => text.includes(stateFolder) && text.includes('ext4'));
  return statSync(line?.split(' ')[4] ?? '/none').dev;
}

function processesOn(device: number): number[] {
  return processIds().filter((pid) => {
    try {
      return statSync(`/proc/${pid}/root/`).dev === device;
    } catch {
      return false;
    }
  });
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
