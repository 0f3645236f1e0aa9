/** Ctrl-C: the first one asks the work to stop and clean up, the second one ends the process as it is. */
import { isOnWindows } from '../base/host-platform.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const INTERRUPTED_STATUS = 130;

/**
 * Runs `work` with a signal that fires at the first SIGINT, SIGTERM or SIGHUP. On Windows those are Ctrl-C and a console
 * that is closed, which leaves ten seconds; Ctrl-Break comes besides. The work ends by throwing once it has
 * cleaned up behind itself.
 *
 * @param announce Tells the user that the wait is for the clean-up.
 */
export async function interruptible<T>(
  announce: (message: string) => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED_STATUS);
    controller.abort();
    announce('interrupted: cleaning up; once more ends at once and leaves it to the next command');
  };
  const signals: readonly NodeJS.Signals[] = isOnWindows() ? [...SIGNALS, 'SIGBREAK'] : SIGNALS;
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}
