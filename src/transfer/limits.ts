/** How much happens at the same time, and how it ends together. */
import { HyperfileError } from '../base/error.ts';
import { DEFAULT_CONCURRENCY } from './io.ts';

const MAX_CONCURRENCY = 64;

/** Lets only so many tasks run at the same time; the others wait in the order they came. */
export class Limiter {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @throws HyperfileError TRANSFER_CONCURRENCY_INVALID for what the environment says, when no limit is given */
  constructor(limit: number = concurrencyFrom(process.env)) {
    this.#free = limit;
  }

  /** Runs a task when it is its turn. @throws HyperfileError INTERRUPTED when the signal fired before */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (signal.aborted) throw new HyperfileError('INTERRUPTED');
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/**
 * How many blobs move at the same time, by the environment.
 *
 * @throws HyperfileError TRANSFER_CONCURRENCY_INVALID
 */
export function concurrencyFrom(env: NodeJS.ProcessEnv): number {
  const value = env.HYPERFILE_CONCURRENCY ?? '';
  if (value === '') return DEFAULT_CONCURRENCY;
  const limit = /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_CONCURRENCY)
    throw new HyperfileError('TRANSFER_CONCURRENCY_INVALID', { data: { value } });
  return limit;
}

/**
 * Runs tasks side by side. When one fails the others are told by their signal; all have ended before this does, and what
 * it throws is the first failure.
 */
export async function together<T>(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<T>)[],
): Promise<T[]> {
  const stop = new AbortController();
  const shared = AbortSignal.any([signal, stop.signal]);
  let failure: { readonly error: unknown } | undefined;
  const results = await Promise.all(
    tasks.map(async (task) => {
      try {
        return await task(shared);
      } catch (error) {
        failure ??= { error: signal.aborted ? new HyperfileError('INTERRUPTED', { cause: error }) : error };
        stop.abort();
        return undefined as never;
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
  return results;
}
