/** How long to go on with a transfer that breaks or stalls: as long as it gets anywhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';

export interface Patience {
  /** How often in a row a transfer may fail without having moved a byte further. */
  readonly attempts: number;
  /** The pause after the first failure; each further one is twice as long, up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** A connection over which nothing moves for that long is broken. */
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
    if (doneBytes > this.#farthest) this.#failures = 0;
    this.#farthest = Math.max(this.#farthest, doneBytes);
    if (++this.#failures >= this.#patience.attempts) return false;
    const { firstPauseMs, longestPauseMs } = this.#patience;
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
    // Transfers that broke together do not come back together.
    const spread = pause * (0.5 + Math.random() / 2);
    await this.#wait(Math.max(spread, Math.min(waitMs, LONGEST_WAIT_MS)));
    return true;
  }

  async #wait(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, this.#signal ? { signal: this.#signal } : {});
    } catch (error) {
      throw new HyperfileError('INTERRUPTED', { cause: error });
    }
  }
}

/** Ends a request over whose open connection nothing moves. The time runs only between `expect` and `got`. */
export class StallWatch {
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
  }

  expect(withinMs: number): void {
    clearTimeout(this.#timer);
    const stall = new Error(`nothing moved for ${Math.round(withinMs / 1000)} s`);
    this.#timer = setTimeout(() => this.#stop.abort(stall), withinMs);
  }

  got(): void {
    clearTimeout(this.#timer);
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
