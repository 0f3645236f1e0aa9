/** An end to waiting, even for what does not listen to a signal. */
import { HyperfileError } from '../base/error.ts';
import { readDuration } from './option-values.ts';

const DEFAULT_LOOKUP_MS = 10_000;

/**
 * How long a lookup may take unless an option says otherwise.
 *
 * @throws HyperfileError CACHE_OPTION
 */
export function lookupLimitMs({ HYPERFILE_CACHE_TIMEOUT: text }: NodeJS.ProcessEnv): number {
  if (!text) return DEFAULT_LOOKUP_MS;
  const read = readDuration(text);
  if ('value' in read) return read.value;
  const option = `HYPERFILE_CACHE_TIMEOUT=${text}`;
  throw new HyperfileError('CACHE_OPTION', { data: { option, problem: `it takes ${read.expected}` } });
}

/**
 * Gives work a signal that fires when its time is up or the caller's signal does, and waits no longer than that.
 *
 * @throws HyperfileError CACHE_TIMEOUT, INTERRUPTED
 */
export async function withinTime<T>(
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const end = (error: HyperfileError) => {
    reject(error);
    stop.abort(error);
  };
  const onAbort = (): void => end(new HyperfileError('INTERRUPTED'));
  const timer = setTimeout(
    () => end(new HyperfileError('CACHE_TIMEOUT', { data: { seconds: limitMs / 1000 } })),
    limitMs,
  );
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  stopped.catch(() => undefined);
  try {
    return await Promise.race([stopped, work(stop.signal)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
