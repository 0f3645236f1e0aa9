/** Options that several verbs share, and how their values are checked. */
import { Option } from 'commander';
import { HyperfileError } from '../base/error.ts';

export type OutputFormat = 'table' | 'json';

/** `--format json`, for whatever lists something. */
export function formatOption(): Option {
  return choiceOption('--format <format>', 'how to print', ['table', 'json']).default('table');
}

/** An option that takes one of a few words. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, `${description}: ${listWords(choices)}`);
  return option.argParser((value: string) => {
    if (choices.includes(value)) return value;
    throw new HyperfileError('CLI_BAD_VALUE', {
      data: { value: JSON.stringify(value), option: option.long ?? flags, expected: listWords(choices) },
    });
  });
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function listWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
