/** What a command that was killed outright leaves behind, found by what it leaves it in. */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StaleSession } from '../../base/session.ts';
import { cleanLeftovers as cleanDiskServers } from '../../fuse/client/leftovers.ts';
import { mountsBelow, unmount } from './mounts.ts';

const GONE_ATTEMPTS = 50;
const GONE_PAUSE_MS = 10;

/** Removes what sessions of dead processes left: guest processes, mounts, loop devices, unfinished layers. */
export async function cleanLeftovers(stale: readonly StaleSession[]): Promise<void> {
  for (const session of stale) await cleanSession(session);
}

async function cleanSession(session: StaleSession): Promise<void> {
  // The disk server's own mounts come last, and are its own to remove.
  const targets = mountsBelow(session.folder)
    .filter(({ type }) => !type.startsWith('fuse.'))
    .map(({ target }) => target);
  for (const target of targets) await killGuestProcesses(target);
  for (const target of targets) await unmount(target);
  await cleanDiskServers(session.folder);
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
