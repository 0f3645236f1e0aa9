/** What a command may leave on the host: mounts, loop devices and processes that have to do with a folder. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kernel ends what dies with its parent in its own time. */
const PATIENCE_MS = 10_000;
const LONGEST_START_MS = 120_000;
const PAUSE_MS = 25;

/** Mounts below a folder, and loop devices on files of it, in words. */
export function leftovers(folder: string): string[] {
  return [...mountsOf(folder), ...loopDevicesOf(folder)];
}

/** Everything of a folder that is left, processes too, in words; empty when nothing is. */
function tracesOf(folder: string): string[] {
  return [...leftovers(folder), ...processesOf(folder)];
}

/** What is left of a folder after a moment's patience. */
export function lastingTracesOf(folder: string): Promise<string[]> {
  return lasting(() => tracesOf(folder));
}

/** Mounts and loop devices that are left after a moment's patience. */
export function lastingLeftovers(folder: string): Promise<string[]> {
  return lasting(() => leftovers(folder));
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
function mountsOf(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => (line.split(' ')[4] ?? '').startsWith(folder + '/'))
    .map((line) => `mount: ${line}`);
}

/**
 * Each loop device and the name that its file had when it was attached, of which the kernel keeps 63 bytes (ioctl
 * LOOP_GET_STATUS64, linux/loop.h). What losetup shows is the name of today, which says nothing of a folder when the disk
 * server was unmounted below the device.
 */
const LIST_DEVICES = String.raw`
for (map { m{/(loop[0-9]+)/} } glob '/sys/block/loop*/loop/backing_file') {
  open(my $device, '<', "/dev/$_") or next;
  my $info = "\0" x 232;
  ioctl($device, 0x4c05, $info) or next;
  print "/dev/$_ ", unpack('x56 Z64', $info), "\n";
}`;

function loopDevicesOf(folder: string): string[] {
  return execFileSync('perl', ['-e', LIST_DEVICES], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => `loop device: ${line}`);
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
  const deadline = performance.now() + LONGEST_START_MS;
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
