/** Work on disk files of the host, without a store: shows it, and lets Ctrl-C stop it. */
import { HyperfileError } from '../../base/error.ts';
import type { Listener, Progress } from '../../base/events.ts';
import type { StepsIo } from '../../base/steps.ts';
import type { Console } from '../console.ts';
import { interruptible } from '../interrupt.ts';
import type { WorkFlags } from '../options.ts';
import { openWorkView } from '../render/work-view.ts';
import { safeJson } from '../safe-json.ts';

/** The live view draws ten times a second; nobody else needs to hear more often. */
const TELL_EVERY_MS = 100;

/**
 * Runs `work` with a view of it: a bar on a terminal, now and then a line in a log, events under `--progress=json`,
 * nothing under `--quiet`. Work that never tells of progress shows a spinner only, and leaves no line. After Ctrl-C it
 * cleans up behind itself and throws.
 *
 * @param title `converting a.raw to b.vhdx`
 * @throws HyperfileError CLI_NO_TERMINAL, INTERRUPTED, and whatever the work throws
 */
export async function withDiskWork<T>(
  flags: Pick<WorkFlags, 'quiet' | 'progress'>,
  console: Console,
  title: string,
  work: (io: StepsIo) => Promise<T>,
): Promise<T> {
  const view = await openWorkView(flags.quiet ? 'quiet' : flags.progress, console);
  const announce = (message: string) => view.show({ type: 'warning', message });
  const startedMs = performance.now();
  const end = (status: 'done' | 'failed' | 'cancelled') =>
    view.show({ type: 'work-end', status, durationMs: performance.now() - startedMs });
  const onProgress = sparingly((progress) => view.show({ type: 'work-progress', ...progress }));
  view.show({ type: 'work-start', title });
  try {
    const result = await interruptible(announce, async (signal) => {
      try {
        return await work({ signal, onProgress });
      } catch (error) {
        end(signal.aborted ? 'cancelled' : 'failed');
        // Whatever a stopped tool or stream complains of: it was stopped.
        throw signal.aborted ? new HyperfileError('INTERRUPTED', { cause: error }) : error;
      }
    });
    end('done');
    return result;
  } finally {
    view.close();
  }
}

/** Passes on the first and the last progress, and those between with a pause. */
function sparingly(listener: Listener<Progress>): Listener<Progress> {
  let toldMs = -Infinity;
  return (progress) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < TELL_EVERY_MS && progress.done !== progress.total) return;
    toldMs = nowMs;
    listener(progress);
  };
}

/**
 * Prints what the work has made: one JSON document under `--format json` and `--progress=json` (there as the last line),
 * else the text, and that not under `--quiet`.
 */
export function writeResult(flags: WorkFlags, console: Console, result: object, text: string): void {
  if (flags.format === 'json' || flags.progress === 'json') console.out.write(`${safeJson(result)}\n`);
  else if (!flags.quiet) console.out.write(text);
}
