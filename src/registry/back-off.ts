/** Pauses between attempts: each twice as long as the one before, and never the same for all who failed together. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';

export interface BackOff {
  /** The pause after the first failure; each further one is twice as long, up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** How long to pause after so many failures. Runners that failed together do not come back together. */
export function pauseAfter(failures: number, { firstPauseMs, longestPauseMs }: BackOff): number {
  const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
  return pauseMs * (0.5 + Math.random() / 2);
}

/** @throws HyperfileError INTERRUPTED when the signal fires meanwhile */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    throw new HyperfileError('INTERRUPTED', { cause: error });
  }
}
