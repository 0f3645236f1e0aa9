/** Files of disks that Hyper-V had: it lets go of them a moment after it says so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isHyperfileError, systemCode } from '../../base/error.ts';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 3000;

/** Does something with such a file, again and again while it is still held, for some seconds. */
export async function whenReleased<T>(work: () => T | Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      return await work();
    } catch (error) {
      if (!isHeld(error) || pauseMs > LONGEST_PAUSE_MS) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Windows' sharing violation, in the words of libuv. */
function isHeld(error: unknown): boolean {
  const cause = isHyperfileError(error, 'DISK_IO') ? error.cause : error;
  return ['EBUSY', 'EPERM', 'EACCES'].includes(systemCode(cause) ?? '');
}
