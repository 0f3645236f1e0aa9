/** The thread that {@link fuzzInThread} starts. */
import { parentPort, workerData } from 'node:worker_threads';
import { Fuzzer } from './engine.ts';
import type { FuzzOptions, FuzzSummary, Message } from './watch.ts';

const TELL_EVERY = 500;

function tell(message: Message): void {
  parentPort?.postMessage(message);
}

function fuzz({ seed, first = 0, runs, seconds = Infinity }: FuzzOptions): FuzzSummary {
  const fuzzer = new Fuzzer(seed);
  const started = performance.now();
  const outcomes = new Map<string, number>();
  let [done, longestMs, mostMemory] = [0, 0, 0];
  let violation: string | undefined;
  const passed = () => (performance.now() - started) / 1000;
  for (; done < runs && passed() < seconds && violation === undefined; done++) {
    if (done % TELL_EVERY === 0) tell({ kind: 'at', run: first + done, done });
    try {
      const { outcome, milliseconds, grownBytes } = fuzzer.run(first + done);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      longestMs = Math.max(longestMs, milliseconds);
      mostMemory = Math.max(mostMemory, grownBytes);
    } catch (error) {
      violation =
        error instanceof Error
          ? `${error.message}\n${String(error.cause instanceof Error ? error.cause.stack : '')}`
          : String(error);
    }
  }
  const sorted = [...outcomes].sort(([, one], [, other]) => other - one);
  return {
    runs: done,
    seconds: passed(),
    longestMs,
    mostMemory,
    outcomes: sorted,
    ...(violation !== undefined && { violation }),
  };
}

tell({ kind: 'end', summary: fuzz(workerData as FuzzOptions) });
