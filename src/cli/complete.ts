/** What may stand next on a command line: the shells' completion scripts ask `hyperfile __complete WORD...`. */
import type { Argument, Command, Option } from 'commander';
import { valuesOf } from './complete-value.ts';
import type { Console } from './console.ts';
import { createProgram } from './run.ts';
import { findVerb, VERBS } from './verbs.ts';

export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

/** How places other than registries begin. */
const PLACES: readonly Candidate[] = [
  { value: 'docker://', description: 'a name in a registry' },
  { value: 'oci:', description: 'a folder with an OCI layout' },
  { value: 'oci-archive:', description: 'a tar of an OCI layout' },
  { value: 'docker-archive:', description: 'what docker save writes' },
];

/**
 * @param given What stands behind `hyperfile`, the last word perhaps unfinished or empty. As bash has it, `=` and `:`
 *   may stand as words of their own; then what stands before the last of them is left out of the answer, too.
 * @returns None where a file should be named: the shell knows those better.
 */
export async function completions(given: readonly string[], console: Console): Promise<Candidate[]> {
  const words = joinCutWords(given);
  const current = words.at(-1) ?? '';
  const cuts = [':', '='].filter((mark) => given.includes(mark));
  const cutLength = Math.max(0, ...cuts.map((mark) => current.lastIndexOf(mark) + 1));
  const [verb, ...rest] = words.slice(0, -1);
  const candidates = verb === undefined ? verbCandidates() : await afterVerb(verb, rest, current, console);
  return candidates
    .filter(({ value }) => value.startsWith(current) && !(value === current && value.endsWith('=')))
    .map((candidate) => ({ ...candidate, value: candidate.value.slice(cutLength) }));
}

/** `web`, `:`, `1.2` is one image name, and `seal`, `=`, `shutdown` one value; an option and its value are two words. */
function joinCutWords(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [index, word] of words.entries()) {
    const isAfterOption = word === '=' && joined.at(-1)?.startsWith('--') === true;
    const isValue = words[index - 1] === '=' && words[index - 2]?.startsWith('--') === true;
    if (isAfterOption) joined.push(...(index === words.length - 1 ? [''] : []));
    else if (!isValue && [word, words[index - 1]].some((part) => part === ':' || part === '='))
      joined.push(`${joined.pop() ?? ''}${word}`);
    else joined.push(word);
  }
  return joined;
}

function verbCandidates(): Candidate[] {
  return VERBS.map(({ name, summary }) => ({ value: name, description: summary }));
}

async function afterVerb(
  verb: string,
  rest: readonly string[],
  current: string,
  console: Console,
): Promise<readonly Candidate[]> {
  if (verb === 'help') return rest.length === 0 ? verbCandidates() : [];
  const entry = findVerb(verb);
  if (!entry) return [];
  const program = createProgram(console, new Map([[verb, await entry.load()]]));
  const { command, words } = descend(
    program.commands.find((part) => part.name() === verb),
    rest,
  );
  if (!command) return [];
  const option = takesValue(command, words.at(-1));
  if (option) return valuesOf(option, current, words);
  const [, name = '', value = ''] = /^(--[\w-]+)=(.*)/.exec(current) ?? [];
  if (name !== '') return assignedValues(command, { name, value, words });
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
  if (word === undefined) return undefined;
  return command.options.find((option) => option.required && (option.long === word || option.short === word));
}

/** Of `--name=value`. */
async function assignedValues(
  command: Command,
  given: { readonly name: string; readonly value: string; readonly words: readonly string[] },
): Promise<Candidate[]> {
  const { name, value, words } = given;
  const option = command.options.find(({ long }) => long === name);
  const values = option ? await valuesOf(option, value, words) : [];
  return values.map((candidate) => ({ ...candidate, value: `${name}=${candidate.value}` }));
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
  switch (argument?.name()) {
    case 'IMAGE':
      return (await imageNames(console)).map((value) => ({ value }));
    case 'NAME':
    case 'SOURCE':
      return (await remoteNames(console)).map((value) => ({ value }));
    case 'SRC':
    case 'DST':
      return [...PLACES, ...(await remoteNames(console)).map((value) => ({ value }))];
    case 'SERVER':
      return (await servers(console)).map((value) => ({ value }));
    default:
      return [];
  }
}

async function imageNames(console: Console): Promise<string[]> {
  const { listImageNames } = await import('./image-names.ts');
  return listImageNames(console);
}

/** Names of the store that say a registry: most often one of those is meant again. */
async function remoteNames(console: Console): Promise<string[]> {
  const { parseReference } = await import('../oci/reference.ts');
  return (await imageNames(console)).filter((name) => parseReference(name).host !== undefined);
}

/** Registries that somebody has logged in to. */
async function servers(console: Console): Promise<string[]> {
  const { readDockerConfig } = await import('../registry/docker-config.ts');
  try {
    return Object.keys(readDockerConfig(console.env).auths);
  } catch {
    return [];
  }
}
