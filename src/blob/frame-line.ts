/**
 * Frames are worked on side by side and finished in order. All lines of the process share a fixed number of places, so
 * that many blobs at once take no more memory than one, and one alone keeps every core busy.
 */
import { HyperfileError } from '../base/error.ts';

/** Twice the threads of Node's pool; a frame under way takes up to 5 MiB with what zstd needs. */
const PLACES = 8;

let free = PLACES;
const waiting: (() => void)[] = [];

async function takePlace(): Promise<void> {
  if (free > 0) free--;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

function leavePlace(): void {
  const next = waiting.shift();
  if (next === undefined) free++;
  else next();
}

export class FrameLine {
  readonly #signal: AbortSignal | undefined;
  #last: Promise<void> = Promise.resolve();
  #error: Error | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Waits for a place and starts `work`; once it is done, and all frames before are finished, `finish` takes the result.
   *
   * @throws what an earlier frame threw; HyperfileError INTERRUPTED
   */
  async add<T>(work: () => Promise<T>, finish: (result: T) => Promise<void>): Promise<void> {
    await takePlace();
    if (this.#error !== undefined || this.#signal?.aborted) {
      leavePlace();
      throw this.#error ?? new HyperfileError('INTERRUPTED');
    }
    this.#last = this.#finishInOrder(this.#last, work(), finish);
    // Whoever adds or ends throws it.
    this.#last.catch((error: Error) => (this.#error ??= error));
  }

  async #finishInOrder<T>(
    before: Promise<void>,
    work: Promise<T>,
    finish: (result: T) => Promise<void>,
  ): Promise<void> {
    try {
      // Both, even when one fails: nothing may be under way once a line has come to rest.
      const [earlier, result] = await Promise.allSettled([before, work]);
      if (earlier.status === 'rejected') throw earlier.reason as Error;
      if (result.status === 'rejected') throw result.reason as Error;
      if (this.#signal?.aborted) throw new HyperfileError('INTERRUPTED');
      await finish(result.value);
    } finally {
      leavePlace();
    }
  }

  /** All frames are finished. @throws what the first one that failed threw */
  async end(): Promise<void> {
    await this.#last;
  }

  /** Nothing is under way any more, whether it worked or not. */
  async rest(): Promise<void> {
    await Promise.allSettled([this.#last]);
  }
}
