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
