/** What may stand behind an option, for completion. */
import type { Option } from 'commander';
import { driverSettings } from '../drivers/drivers.ts';
import type { Candidate } from './complete.ts';

/**
 * @param current what there is of the value
 * @param words what stands before it, options in front of their values
 * @returns none where a file should be named, or where anything may be
 */
export async function valuesOf(
  option: Option,
  current: string,
  words: readonly string[],
): Promise<readonly Candidate[]> {
  if (option.argChoices) return option.argChoices.map((value) => ({ value }));
  if (option.long === '--driver-opt') return settingsOf(await driverSettings(lastDriver(words)), current);
  return option.long === '--secret' ? [GUEST_SECRET] : [];
}

const GUEST_SECRET = { value: 'id=guest,src=', description: 'a file with the account of guests' };

/** After commas and `KEY=`, what may go on there. */
function settingsOf(table: Awaited<ReturnType<typeof driverSettings>>, current: string): Candidate[] {
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  return Object.entries(table).flatMap(([key, { expected, choices = [] }]) => {
    const begin = `${before}${key}=`;
    if (!current.startsWith(begin)) return [{ value: begin, description: expected }];
    return choices.map((choice) => ({ value: `${begin}${choice}` }));
  });
}

/** Undefined where none is named. */
function lastDriver(words: readonly string[]): string | undefined {
  const named = words.flatMap((word, index) => {
    if (words[index - 1] === '--driver') return [word];
    return word.startsWith('--driver=') ? [word.slice('--driver='.length)] : [];
  });
  return named.at(-1);
}
