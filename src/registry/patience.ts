/** How long to go on with a transfer that breaks or stalls: as long as it gets anywhere. */
import { HyperfileError } from '../base/error.ts';
import { pause, pauseAfter, type BackOff } from './back-off.ts';

export interface Patience extends BackOff {
  /** How often in a row a transfer may fail without having come any further worth the name. */
  readonly attempts: number;
  /** A connection over which next to nothing moves for that long is broken. */
  readonly stallMs: number;
  /** How long a registry may think about what it was sent in full. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = {
  attempts: 6,
  firstPauseMs: 300,
  longestPauseMs: 10_000,
  stallMs: 45_000,
  answerMs: 300_000,
};

/** What a registry may ask for. */
const LONGEST_WAIT_MS = 120_000;

/** Less than this is no progress: a server that drips bytes must not hold anybody for ever. */
const TRICKLE_BYTES = 16 << 10;

/** Counts the failures of one transfer since it last got further. */
export class Attempts {
  readonly #patience: Patience;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #farthest = 0;

  constructor(patience: Patience, signal: AbortSignal | undefined) {
    this.#patience = patience;
    this.#signal = signal;
  }

  /** In a row, without progress. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Notes a failure after `doneBytes` bytes and waits before the next attempt.
   *
   * @returns false when it is time to give up
   * @throws HyperfileError INTERRUPTED
   */
  async again(doneBytes: number, waitMs = 0): Promise<boolean> {
    if (doneBytes >= this.#farthest + TRICKLE_BYTES) {
      this.#failures = 0;
      this.#farthest = doneBytes;
    }
    if (++this.#failures >= this.#patience.attempts) return false;
    const pauseMs = pauseAfter(this.#failures, this.#patience);
    await pause(Math.max(pauseMs, Math.min(waitMs, LONGEST_WAIT_MS)), this.#signal);
    return true;
  }
}

/** How often the clock is looked at, at most; a shorter patience is kept all the same. */
const LOOK_MS = 1000;

/**
 * Ends a request over whose open connection nothing moves, or next to nothing. The time runs only between `expect` and
 * `got`, so that whoever is slow to read or to send on this side is not taken for a stall.
 */
export class StallWatch {
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  /** Looks at the clock now and then: setting one for every piece would cost more than the piece. */
  #timer: NodeJS.Timeout | undefined;
  #withinMs = 0;
  #expectedSinceMs = 0;
  /** When to give up; absent while nothing is waited for. */
  #deadlineMs: number | undefined;
  /** Waited, and got for it, since the last time that enough came. */
  #waitedMs = 0;
  #gotBytes = 0;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
  }

  expect(withinMs: number): void {
    this.#withinMs = withinMs;
    this.#expectedSinceMs = performance.now();
    this.#deadlineMs = this.#expectedSinceMs + Math.max(1, withinMs - this.#waitedMs);
    this.#timer ??= this.#lookAfter(withinMs);
  }

  got(bytes: number): void {
    this.#deadlineMs = undefined;
    this.#waitedMs += performance.now() - this.#expectedSinceMs;
    this.#gotBytes += bytes;
    if (this.#gotBytes < TRICKLE_BYTES) return;
    this.#waitedMs = 0;
    this.#gotBytes = 0;
  }

  end(): void {
    this.#deadlineMs = undefined;
    clearTimeout(this.#timer);
  }

  #lookAfter(waitMs: number): NodeJS.Timeout {
    const look = (): void => {
      this.#timer = undefined;
      if (this.#deadlineMs === undefined) return;
      const leftMs = this.#deadlineMs - performance.now();
      if (leftMs > 0) this.#timer = this.#lookAfter(leftMs);
      else this.#stop.abort(new Error(`next to nothing moved for ${Math.round(this.#withinMs / 1000)} s`));
    };
    return setTimeout(look, Math.min(waitMs, LOOK_MS));
  }

  /** What was wrong when the request ended with this error: the stall, if there was one. */
  reason(error: unknown): unknown {
    return this.#stop.signal.aborted ? this.#stop.signal.reason : error;
  }
}

/** Whether it is worth to try again after this error: connections break, servers are busy or down. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof HyperfileError)) return true;
  if (error.code === 'REGISTRY_FAILED') return Number(error.data.status) >= 500;
  return error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_RATE_LIMITED';
}
