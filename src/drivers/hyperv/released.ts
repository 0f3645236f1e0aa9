/** Files of disks that Hyper-V had: it lets go of them a moment after it says so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isHyperfileError } from '../../base/error.ts';
import { isRefusedForNow } from '../../base/patience.ts';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1000;
/** A machine's process takes its time to end, with all that a guest had in memory. */
const PATIENCE_MS = 10_000;

/**
 * Does something with such a file, again and again while Windows refuses it.
 *
 * @param patienceMs how long at most
 */
export async function whenReleased<T>(work: () => T | Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isHeld(error) || Date.now() + pauseMs > deadline) throw error;
      await sleep(pauseMs);
    }
  }
}

/** For files that may stay: the next command removes them. */
export function unlessHeld(error: unknown): void {
  if (!isHeld(error)) throw error;
}

/** Whether an error says that somebody still has a file: Windows itself, the engine, or Hyper-V. */
export function isHeld(error: unknown): boolean {
  if (isHyperfileError(error, 'HYPERV_IN_USE')) return true;
  return isRefusedForNow(isHyperfileError(error, 'DISK_IO') ? error.cause : error);
}
