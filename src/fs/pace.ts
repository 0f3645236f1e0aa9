/**
 * Long runs of synchronous file calls (an asynchronous call a file costs ten times as much) that let the event loop
 * have a turn now and then, so that progress is shown and Ctrl-C is heard.
 */
import { setImmediate } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';

const TURN_MS = 5;
/** Looking at the clock costs too: only every so many entries. */
const ENTRIES_A_LOOK = 32;

export class Pace {
  readonly #signal: AbortSignal | undefined;
  #turnStart = performance.now();
  #entries = 0;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** True when it is time to {@link rest}; `weight` is about how many small files' worth of work was done. */
  due(weight = 1): boolean {
    this.#entries += weight;
    if (this.#entries < ENTRIES_A_LOOK) return false;
    this.#entries = 0;
    return performance.now() - this.#turnStart > TURN_MS;
  }

  /**
   * Gives the event loop a turn.
   *
   * @throws HyperfileError INTERRUPTED when the signal has fired
   */
  async rest(): Promise<void> {
    await setImmediate();
    refuseAborted(this.#signal);
    this.#turnStart = performance.now();
  }
}

/** @throws HyperfileError INTERRUPTED when the signal has fired */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
}
