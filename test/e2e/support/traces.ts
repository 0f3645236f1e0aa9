/** What a command may leave on the host: mounts, loop devices and processes that have to do with a folder. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kernel ends what dies with its parent in its own time. */
const PATIENCE_MS = 3000;
const PAUSE_MS = 25;

/** Everything of a folder that is left, in words; empty when nothing is. */
export function tracesOf(folder: string): string[] {
  return [...mountsOf(folder), ...loopDevicesOf(folder), ...processesOf(folder)];
}

/** What is left of a folder after a moment's patience. */
export function lastingTracesOf(folder: string): Promise<string[]> {
  return lasting(() => tracesOf(folder));
}

/** What a look still finds after a moment's patience. */
export async function lasting(look: () => string[]): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const traces = look();
    if (traces.length === 0 || performance.now() > deadline) return traces;
    await sleep(PAUSE_MS);
  }
}

/** Lines of the mount table below a folder. */
export function mountsOf(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => (line.split(' ')[4] ?? '').startsWith(folder + '/'))
    .map((line) => `mount: ${line}`);
}

function loopDevicesOf(folder: string): string[] {
  return loopDevices().filter((line) => line.includes(folder));
}

/** Loop devices on disks of no folder: their disk server was unmounted below them, whoever that was. */
export function lostLoopDevices(): string[] {
  return loopDevices().filter((line) => / \/disk-\d+$/.test(line));
}

function loopDevices(): string[] {
  return execFileSync('losetup', ['-l', '-n', '-O', 'NAME,BACK-FILE'], { encoding: 'utf8' })
    .split('\n')
    .map((line) => `loop device: ${line.trim()}`);
}

/** Processes whose command line or first environment names the folder: the command, its tools, its guests. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => [`cmdline`, 'environ'].some((file) => readProc(name, file).includes(folder)))
    .filter((name) => !/^State:\s*[ZX]/m.test(readProc(name, 'status')))
    .map((name) => `process: ${name} ${readProc(name, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`);
}

/** The process that serves the disks of a store, if a build runs. */
export function diskServerOf(folder: string): number | undefined {
  const line = processesOf(folder).find((text) => text.includes('disk-server.cjs'));
  return line === undefined ? undefined : Number(/^process: (\d+)/.exec(line)?.[1]);
}

/** Waits for the disk server of a build that is about to start one, and kills it outright a moment later. */
export async function killDiskServerOf(folder: string, delayMs = 0): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let server = diskServerOf(folder);
  for (; server === undefined; server = diskServerOf(folder)) {
    if (performance.now() > deadline) throw new Error('there is no disk server');
    await sleep(PAUSE_MS / 5);
  }
  await sleep(delayMs);
  process.kill(server, 'SIGKILL');
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(path.join('/proc', pid, file), 'latin1');
  } catch {
    return '';
  }
}
