/** Ctrl-C: the first one asks the work to stop and clean up, the second one ends the process as it is. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const INTERRUPTED_STATUS = 130;

/**
 * Runs `work` with a signal that fires at the first SIGINT, SIGTERM or SIGHUP. The work ends by throwing once it has
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
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}
