/** What may stand next on a command line: the shells' completion scripts ask `hyperfile __complete WORD...`. */
import type { Argument, Command, Option } from 'commander';
import type { Console } from './console.ts';
import { createProgram } from './run.ts';
import { findVerb, VERBS } from './verbs.ts';

export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

/**
 * @param words What stands behind `hyperfile`, the last one perhaps unfinished or empty.
 * @returns None where a file should be named: the shell knows those better.
 */
export async function completions(words: readonly string[], console: Console): Promise<Candidate[]> {
  const current = words.at(-1) ?? '';
  // bash cuts words at `=`.
  const before = words.slice(0, -1).filter((word) => word !== '=');
  const [verb, ...rest] = before;
  const candidates =
    verb === undefined
      ? VERBS.map(({ name, summary }) => ({ value: name, description: summary }))
      : await afterVerb(verb, rest, current, console);
  const wanted = current === '=' ? '' : current;
  return candidates.filter(({ value }) => value.startsWith(wanted));
}

async function afterVerb(
  verb: string,
  rest: readonly string[],
  current: string,
  console: Console,
): Promise<Candidate[]> {
  if (verb === 'help')
    return rest.length === 0 ? VERBS.map(({ name, summary }) => ({ value: name, description: summary })) : [];
  const entry = findVerb(verb);
  if (!entry) return [];
  const program = createProgram(console, new Map([[verb, await entry.load()]]));
  const { command, words } = descend(
    program.commands.find((part) => part.name() === verb),
    rest,
  );
  if (!command) return [];
  const option = takesValue(command, words.at(-1));
  if (option) return choicesOf(option);
  const assigned = /^(--[\w-]+)=/.exec(current);
  if (assigned) return assignedChoices(command, assigned[1] ?? '');
  if (current.startsWith('-')) return optionsOf(command);
  if (command.commands.length > 0)
    return command.commands.map((part) => ({ value: part.name(), description: part.summary() }));
  return argumentChoices(nextArgument(command, words), console);
}

/** `disk info ...`: the innermost command that the words name, and what is left of them. */
function descend(
  command: Command | undefined,
  words: readonly string[],
): { command: Command | undefined; words: readonly string[] } {
  const inner = command?.commands.find((part) => part.name() === words[0]);
  return inner ? descend(inner, words.slice(1)) : { command, words };
}

function takesValue(command: Command, word: string | undefined): Option | undefined {
  return command.options.find((option) => option.required && (option.long === word || option.short === word));
}

function choicesOf(option: Option): Candidate[] {
  return (option.argChoices ?? []).map((value) => ({ value }));
}

function assignedChoices(command: Command, name: string): Candidate[] {
  const option = command.options.find(({ long }) => long === name);
  return (option?.argChoices ?? []).map((choice) => ({ value: `${name}=${choice}` }));
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({ value: option.long ?? option.flags, description: option.description }));
}

/** The argument that the next word would be; options and their values do not count. */
function nextArgument(command: Command, words: readonly string[]): Argument | undefined {
  const count = words.filter(
    (word, index) => !word.startsWith('-') && !takesValue(command, words[index - 1]),
  ).length;
  const known = command.registeredArguments;
  return known[count] ?? (known.at(-1)?.variadic ? known.at(-1) : undefined);
}

async function argumentChoices(argument: Argument | undefined, console: Console): Promise<Candidate[]> {
  if (argument?.argChoices) return argument.argChoices.map((value) => ({ value }));
  if (argument?.name() !== 'IMAGE') return [];
  const { listImageNames } = await import('./image-names.ts');
  return (await listImageNames(console)).map((value) => ({ value }));
}
