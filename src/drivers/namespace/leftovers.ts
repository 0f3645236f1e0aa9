/** What a command that was killed outright leaves behind, found by what it leaves it in. */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { staleSessions, type StaleSession } from '../../base/session.ts';
import { runQuickly } from '../../base/spawn.ts';
import { mountsBelow, unmount } from './mounts.ts';

const GONE_ATTEMPTS = 50;
const GONE_PAUSE_MS = 10;

/**
 * Removes what sessions of dead processes left below a state folder: guest processes, mounts, loop devices, unfinished
 * layers. Living sessions are not touched.
 *
 * @returns how many sessions were cleaned
 */
export async function cleanLeftovers(stateFolder: string): Promise<number> {
  const stale = staleSessions(stateFolder);
  for (const session of stale) await cleanSession(session);
  return stale.length;
}

async function cleanSession(session: StaleSession): Promise<void> {
  const mounts = mountsBelow(session.folder);
  for (const { target } of mounts) await killGuestProcesses(target);
  for (const { target } of mounts) await unmount(target);
  for (const device of await loopDevicesBelow(session.folder)) {
    await runQuickly('losetup', ['--detach', device]).catch(() => undefined);
  }
  session.remove();
}

/** Kills every process whose root directory is on the file system mounted at `target`, and waits until they are gone. */
export async function killGuestProcesses(target: string): Promise<void> {
  const device = deviceOf(target);
  if (device === undefined) return;
  for (let attempt = 0; attempt < GONE_ATTEMPTS; attempt++) {
    const processes = processesRootedOn(device);
    if (processes.length === 0) return;
    for (const pid of processes) endProcess(pid);
    await sleep(GONE_PAUSE_MS);
  }
}

function processesRootedOn(device: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => deviceOf(`/proc/${name}/root/`) === device)
    .map(Number);
}

/** Undefined for what is not there, or no longer answers because its disk is gone. */
function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** losetup(8): one device a line, its file after it. */
async function loopDevicesBelow(folder: string): Promise<string[]> {
  const list = await runQuickly('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']);
  return list.split('\n').flatMap((line) => {
    const [device = '', file = ''] = line.split(' ');
    return file.startsWith(folder + '/') ? [device] : [];
  });
}
