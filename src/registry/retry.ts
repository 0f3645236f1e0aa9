/** Trying again what failed for a reason that may pass: sooner at first, later and later, never for ever. */
import type { HyperfileError } from '../base/error.ts';
import { pause, pauseAfter, type BackOff } from './back-off.ts';

export interface RetryPolicy extends BackOff {
  /** With the first. */
  readonly attempts: number;
  /** All pauses together; a registry that asks for a longer one (Retry-After) is not waited for. */
  readonly totalMs: number;
}

export const RETRY_POLICY: RetryPolicy = {
  attempts: 6,
  firstPauseMs: 250,
  longestPauseMs: 15_000,
  totalMs: 120_000,
};

/** What a body throws that may be tried again: the error to end with when that is of no use. */
export class PassingFailure extends Error {
  readonly problem: HyperfileError;
  /** What the server asked for. */
  readonly waitMs: number | undefined;

  constructor(problem: HyperfileError, waitMs?: number) {
    super(problem.message);
    this.problem = problem;
    this.waitMs = waitMs;
  }
}

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Before a pause. */
  readonly onPause?: (problem: HyperfileError, pauseMs: number) => void;
}

/**
 * Runs `body` until it returns, fails for good, or has failed often enough.
 *
 * @throws the problem of the last {@link PassingFailure}, whatever else `body` throws, HyperfileError INTERRUPTED
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  options: RetryOptions,
  body: () => Promise<T>,
): Promise<T> {
  let waitedMs = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      const pauseMs = Math.max(error.waitMs ?? 0, pauseAfter(attempt, policy));
      if (attempt >= policy.attempts || waitedMs + pauseMs > policy.totalMs) throw error.problem;
      options.onPause?.(error.problem, pauseMs);
      await pause(pauseMs, options.signal);
      waitedMs += pauseMs;
    }
  }
}

/** A Retry-After header (RFC 9110, section 10.2.3): seconds or a date. Undefined when it is neither. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const dateMs = /[a-z]/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}
