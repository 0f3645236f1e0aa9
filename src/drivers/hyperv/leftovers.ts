/** What a command that was killed outright leaves on a Hyper-V host, found by the store's mark and by what it claimed. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { isHyperfileError } from '../../base/error.ts';
import type { StaleSession } from '../../base/session.ts';
import { openLayer } from '../../vhdx/layer.ts';
import type { HyperVHost } from './host.ts';
import { whenReleased } from './released.ts';

/** A file in the folder of a session that says that it was this driver's. */
export const SESSION_MARKER = 'hyperv';

/** Whether a session has worked with Hyper-V. */
export function isOfHyperV({ folder }: StaleSession): boolean {
  return existsSync(path.join(folder, SESSION_MARKER));
}

/**
 * Removes the machines of the store whose commands have ended, then the mounts and files that those had claimed. What
 * belongs to living commands, to other stores or to nobody is not touched.
 *
 * @param stale sessions of the store whose processes are gone (base/session.ts)
 * @returns how many machines and sessions were removed
 */
export async function cleanLeftovers(host: HyperVHost, stale: readonly StaleSession[]): Promise<number> {
  const machines = await host.leftovers();
  // Machines first: they hold the disks.
  for (const { id } of machines) await host.removeMachine(id);
  for (const session of stale) {
    for (const file of session.files.filter(isDisk)) await whenReleased(() => host.dismountDisk(file));
    await whenReleased(() => session.remove());
  }
  return machines.length + stale.length;
}

/** One that was not finished was never mounted, and Hyper-V would only complain about it. */
function isDisk(file: string): boolean {
  if (!/\.vhdx$/i.test(file) || !existsSync(file)) return false;
  try {
    openLayer(file).file.close();
    return true;
  } catch (error) {
    // While it is mounted, Windows lets nobody else open it.
    return isHyperfileError(error, 'DISK_IO');
  }
}
