/** What a command that was killed outright leaves on a Hyper-V host, found by the store's mark and by what it claimed. */
import type { StaleSession } from '../../base/session.ts';
import type { HyperVHost } from './host.ts';

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
    for (const file of session.files.filter(isDisk)) await host.dismountDisk(file);
    session.remove();
  }
  return machines.length + stale.length;
}

function isDisk(file: string): boolean {
  return /\.vhdx$/i.test(file);
}
