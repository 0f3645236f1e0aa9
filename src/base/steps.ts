/** Long synchronous work in steps: it hands out its progress, and between steps others get their turn and may stop it. */
import { setImmediate } from 'node:timers/promises';
import { HyperfileError } from './error.ts';
import type { Listener, Progress } from './events.ts';

export interface StepsIo {
  readonly signal: AbortSignal;
  readonly onProgress: Listener<Progress>;
}

/**
 * Runs the work to its end and returns what it returns. When it is stopped, its `finally` blocks run.
 * @throws HyperfileError INTERRUPTED, and whatever the work throws
 */
export async function runSteps<T>(work: Generator<Progress, T>, { signal, onProgress }: StepsIo): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    try {
      onProgress(step.value);
      await setImmediate();
      if (signal.aborted) throw new HyperfileError('INTERRUPTED');
    } catch (error) {
      work.return(undefined as T);
      throw error;
    }
  }
}
