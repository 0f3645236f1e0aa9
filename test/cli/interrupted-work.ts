/** A program that works until it is interrupted; `stuck` never gets its clean-up done. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfileError } from '../../src/base/error.ts';
import { processConsole } from '../../src/cli/console.ts';
import { interruptible } from '../../src/cli/interrupt.ts';
import { reportError } from '../../src/cli/report-error.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

async function work(signal: AbortSignal): Promise<void> {
  say('working');
  await sleep(60_000, undefined, { signal }).catch(() => undefined);
  await sleep(process.argv[2] === 'stuck' ? 60_000 : 50);
  say('cleaned');
  throw new HyperfileError('INTERRUPTED');
}

try {
  await interruptible(say, work);
} catch (error) {
  process.exitCode = reportError(error, [], { ...processConsole(), err: { write: () => true } as never });
}
