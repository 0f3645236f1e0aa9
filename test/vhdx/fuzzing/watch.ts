/**
 * Fuzzes in a thread of its own and watches it: a run that hangs is noticed, named and ended, which nothing in the same
 * thread could do.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface FuzzOptions {
  readonly seed: number;
  /** Number of the first run. */
  readonly first?: number;
  readonly runs: number;
  /** Ends earlier after so many seconds. */
  readonly seconds?: number;
  /** A run takes milliseconds; one that takes so long will not end. Default: 60. */
  readonly hangSeconds?: number;
  readonly onProgress?: (runs: number) => void;
}

export interface FuzzSummary {
  readonly runs: number;
  readonly seconds: number;
  readonly longestMs: number;
  readonly mostMemory: number;
  /** How often each outcome came, the most frequent first. */
  readonly outcomes: readonly (readonly [string, number])[];
  /** What must not happen and did, in words. */
  readonly violation?: string;
}

/** What the thread tells. */
export type Message =
  | { readonly kind: 'at'; readonly run: number; readonly done: number }
  | { readonly kind: 'end'; readonly summary: FuzzSummary };

export async function fuzzInThread({
  onProgress,
  hangSeconds = 60,
  ...options
}: FuzzOptions): Promise<FuzzSummary> {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options });
  let at = options.first ?? 0;
  let summary: FuzzSummary | undefined;
  let watchdog: NodeJS.Timeout | undefined;
  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => void worker.terminate(), hangSeconds * 1000);
  };
  worker.on('message', (message: Message) => {
    watch();
    if (message.kind === 'end') summary = message.summary;
    else {
      at = message.run;
      onProgress?.(message.done);
    }
  });
  watch();
  await once(worker, 'exit');
  clearTimeout(watchdog);
  if (summary !== undefined) return summary;
  const violation = `no answer for ${hangSeconds} s: seed ${options.seed}, a run from ${at} on`;
  return { runs: 0, seconds: 0, longestMs: Infinity, mostMemory: 0, outcomes: [], violation };
}
