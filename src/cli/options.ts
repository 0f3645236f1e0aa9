/** Options that several verbs share, and how their values are checked. */
import { Argument, Option, type Command } from 'commander';
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import { DRIVER_NAMES } from '../drivers/drivers.ts';
import { PROGRESS_MODES, type ProgressMode } from './render/view.ts';

export type OutputFormat = 'table' | 'json';

/** `--format json`, for whatever lists something. */
export function formatOption(): Option {
  return choiceOption('--format <format>', 'how to print', ['table', 'json']).default('table');
}

/** `--progress`, for whatever takes long enough to watch. */
export function progressOption(): Option {
  return choiceOption('--progress <mode>', 'how to show the work', PROGRESS_MODES).default('auto');
}

/** What {@link addWorkOptions} adds, as commander hands it over. */
export interface WorkFlags {
  readonly format: OutputFormat;
  readonly progress: ProgressMode;
  readonly quiet?: boolean;
}

/** `--format`, `--progress` and `-q`, for work that may take long and then tells what it made. */
export function addWorkOptions(command: Command): Command {
  return command
    .addOption(formatOption())
    .option('-q, --quiet', 'print nothing but errors')
    .addOption(progressOption());
}

/** `--driver` and `--driver-opt`, for whatever a driver works for. */
export function addDriverOptions(command: Command, use: string): Command {
  const driver = new Option('--driver <name>', `${use} (default: what suits the host)`).choices(DRIVER_NAMES);
  // Which ones there are is told where they are chosen: HYPERFILE_DRIVER can name one, too.
  driver.argParser((name: string) => name);
  const options = new Option(
    '--driver-opt <options>',
    'set up the driver, as KEY=VALUE[,KEY=VALUE] (also HYPERFILE_DRIVER_OPTS); may be repeated',
  );
  return command.addOption(driver).addOption(options.argParser(collect));
}

/** An option that takes one of a few words. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const option = new Option(flags, description);
  return option.choices(choices).argParser(parseChoice(option.long ?? flags, choices));
}

/** An argument that takes one of a few words. */
export function choiceArgument(name: string, description: string, choices: readonly string[]): Argument {
  const argument = new Argument(name, description);
  return argument.choices(choices).argParser(parseChoice(argument.name(), choices));
}

function parseChoice(option: string, choices: readonly string[]): (value: string) => string {
  return (value) => {
    if (choices.includes(value)) return value;
    const data = { value: JSON.stringify(value), option, expected: listWords(choices) };
    const near = suggest(value, choices);
    throw new HyperfileError('CLI_BAD_VALUE', {
      data,
      ...(near !== undefined && { hint: `Did you mean ${near}?` }),
    });
  };
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function listWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
