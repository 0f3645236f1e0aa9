/** Real mounts and devices for tests, and their removal whatever the test did. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { cleanLeftovers } from '../../../src/fuse/client/leftovers.ts';
import { startDiskServer, type DiskServer } from '../../../src/fuse/client/disk-server.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';

export const MIB = 1024 * 1024;

/** What every test with a real device needs. */
export const DEVICE_NEEDS = ['root', '/dev/fuse', '/dev/loop-control', 'losetup', 'setpriv', 'mount'];

const run = promisify(execFile);

/** Runs a program and returns its standard output; throws with what it printed when it fails. */
export async function tool(name: string, ...args: string[]): Promise<string> {
  return (await run(name, args, { maxBuffer: 64 * MIB })).stdout;
}

/** A folder for one test; everything mounted in it by a test goes before it does. */
export function testFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-fuse-'));
  onTestFinished(async () => {
    for (const target of await mountedBelow(folder, 'fuse.hyperfile')) await tool('umount', '-l', target);
    await cleanLeftovers(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** What is mounted below a folder, latest first, without mounts of one type. */
export async function mountedBelow(folder: string, except = ''): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  const inside = lines.filter(([, target, type]) => target?.startsWith(folder + '/') && type !== except);
  return inside.map(([, target]) => target).reverse();
}

/** The loop devices on files below a folder, as losetup tells it: for `lasting`, as whoever looks at one keeps it for a moment. */
export function devicesBelow(folder: string): string[] {
  const list = execFileSync('losetup', ['--list', '--json'], { encoding: 'utf8' });
  const { loopdevices = [] } = JSON.parse(list || '{}') as {
    loopdevices?: { name: string; 'back-file': string | null }[];
  };
  // A device of another test that goes during the listing has no file any more.
  return loopdevices.filter((device) => device['back-file']?.startsWith(folder)).map(({ name }) => name);
}

/** A disk server that ends with the test. */
export async function serverIn(folder: string): Promise<DiskServer> {
  const server = await startDiskServer({ folder: path.join(folder, 'run') });
  onTestFinished(async () => {
    for (const target of await mountedBelow(folder, 'fuse.hyperfile')) await tool('umount', '-l', target);
    await server.close();
  });
  return server;
}

/** An empty base layer; returns its path. */
export function emptyBase(folder: string, sizeBytes = 1024 * MIB, name = 'base.vhdx'): string {
  const filePath = path.join(folder, name);
  const disk = createDisk(filePath, { sizeBytes });
  disk.seal();
  disk.close();
  return filePath;
}

/** Mounts a device in the folder and returns where. */
export async function mountIn(folder: string, device: string, options = 'noatime'): Promise<string> {
  const target = path.join(folder, `mnt-${path.basename(device)}-${options}`);
  await mkdir(target, { recursive: true });
  await tool('mount', '-t', 'ext4', '-o', options, device, target);
  return target;
}

/** Unmounts what {@link mountIn} mounted, in every mount namespace that has a copy: that is what removing its folder does. */
export async function unmount(target: string): Promise<void> {
  await tool('umount', target);
  await rmdir(target);
}
