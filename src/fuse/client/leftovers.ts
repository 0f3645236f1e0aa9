/**
 * What a killed build or a killed disk server leaves: the mount of a server that is no more, and loop devices on its
 * files. Only mounts of our own type below a given folder are looked at, and only those that nobody serves or whose
 * server's owner is gone (then the kernel is ending the server too).
 */
import { readdir, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../../base/error.ts';
import { ownerIsGone } from '../../base/owner.ts';
import { runQuickly } from '../../base/spawn.ts';
import { ownerOf, servedMounts, unmountServed, type ServedMount } from './served-mounts.ts';

export interface Leftovers {
  /** Mounted folders without a server. */
  readonly mountPoints: readonly string[];
  /** Loop devices (`/dev/loopN`) on files in them. */
  readonly devices: readonly string[];
}

/** A server that is alive may be busy, and one that has just been started takes a moment to answer. */
const ANSWER_MS = 10_000;

/** Finds what dead disk servers left below a folder. */
export async function listLeftovers(folder: string): Promise<Leftovers> {
  const mountPoints: string[] = [];
  for (const mount of await servedMounts(folder)) {
    if (hasNoOwner(mount) || (await isCutOff(mount))) mountPoints.push(mount.mountPoint);
  }
  return { mountPoints, devices: mountPoints.length === 0 ? [] : await devicesIn(mountPoints) };
}

/**
 * Detaches and unmounts what {@link listLeftovers} finds, and returns it. File systems mounted from the devices should
 * be unmounted before; a device that is still in use detaches itself when that ends.
 *
 * @throws HyperfileError TOOL_MISSING, TOOL_FAILED
 */
export async function cleanLeftovers(folder: string): Promise<Leftovers> {
  const found = await listLeftovers(folder);
  for (const device of found.devices) await detachIfAttached(device);
  for (const mountPoint of found.mountPoints) await unmountServed(mountPoint);
  return found;
}

function hasNoOwner(mount: ServedMount): boolean {
  return ownerIsGone(ownerOf(mount), Date.now());
}

/** A cut connection fails at once with ENOTCONN; this question is one the kernel never answers from memory. */
async function isCutOff({ mountPoint }: ServedMount): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_MS);
  });
  const dead = statfs(mountPoint).then(
    () => false,
    (error: unknown) => ['ENOTCONN', 'ECONNABORTED'].includes(systemCode(error) ?? ''),
  );
  const answer = await Promise.race([dead, slow]);
  clearTimeout(timer);
  return answer;
}

async function devicesIn(mountPoints: readonly string[]): Promise<string[]> {
  const devices: string[] = [];
  for (const name of await readdir('/sys/block')) {
    if (!name.startsWith('loop')) continue;
    const file = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
    if (mountPoints.some((mountPoint) => file.startsWith(mountPoint + path.sep)))
      devices.push(`/dev/${name}`);
  }
  return devices;
}

/** It may have gone by itself meanwhile: that is what it was told to do. */
async function detachIfAttached(device: string): Promise<void> {
  try {
    await runQuickly('losetup', ['--detach', device]);
  } catch (error) {
    const file = `/sys/block/${path.basename(device)}/loop/backing_file`;
    if (await readFile(file).catch(() => undefined)) throw error;
  }
}
