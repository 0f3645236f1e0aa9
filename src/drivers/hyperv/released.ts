/** Files of disks that Hyper-V had: it lets go of them a moment after it says so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isHyperfileError } from '../../base/error.ts';
import { isRefusedForNow } from '../../base/patience.ts';

const FIRST_PAUSE_MS = 10;
/** Ten seconds in all: a machine's process takes its time to end, with all that a guest had in memory. */
const LONGEST_PAUSE_MS = 5000;

/** Does something with such a file, again and again while Windows refuses it, for some seconds. */
export async function whenReleased<T>(work: () => T | Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      return await work();
    } catch (error) {
      const cause = isHyperfileError(error, 'DISK_IO') ? error.cause : error;
      if (!isRefusedForNow(cause) || pauseMs > LONGEST_PAUSE_MS) throw error;
      await sleep(pauseMs);
    }
  }
}
