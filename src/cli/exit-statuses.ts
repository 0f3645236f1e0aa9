/** What each exit status of the command means. */
import type { ExitStatus } from '../base/error-entry.ts';

export const EXIT_MEANINGS: Readonly<Record<ExitStatus, string>> = {
  1: 'a step failed',
  2: 'wrong usage',
  3: 'the recipe is wrong',
  4: 'corrupt data',
  5: 'something that the host must provide is missing',
  6: 'a registry failed',
  130: 'interrupted',
};

/** Ends a command with a status that is its answer and no failure, as `diff` has it: nothing more is printed. */
export class Answer extends Error {
  readonly status: ExitStatus;

  constructor(status: ExitStatus) {
    super(`the answer is ${status}`);
    this.status = status;
  }
}
