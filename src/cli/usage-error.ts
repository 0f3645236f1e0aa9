/** commander's complaints as errors of ours, with the same hint everywhere. */
import type { CommanderError } from 'commander';
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import { findVerb, VERBS } from './verbs.ts';

const SUGGESTION = /\n\(Did you mean (?:one of )?(.*)\?\)$/;

/** @param argv The command line that was refused: it names the verb whose help is worth reading. */
export function toUsageError(error: CommanderError, argv: readonly string[]): HyperfileError {
  const suggestion = SUGGESTION.exec(error.message)?.[1];
  let problem = error.message
    .replace(SUGGESTION, '')
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  // Whatever is typed in the wrong place of a login may be the password.
  if (verbOf(argv) === 'login') problem = problem.replace(/(?<= but got \d+): .*/s, '');
  const quoted = /'([^']*)'/.exec(problem)?.[1] ?? '';
  const hint = [suggestion && `Did you mean ${suggestion}?`, helpHint(argv)].filter(Boolean).join(' ');
  switch (error.code) {
    case 'commander.unknownCommand':
      return new HyperfileError('CLI_UNKNOWN_VERB', { data: { verb: `${verbOf(argv)} ${quoted}` }, hint });
    case 'commander.help': {
      const problem = `'${verbOf(argv)}' alone does nothing`;
      return new HyperfileError('CLI_USAGE', { data: { problem }, hint });
    }
    case 'commander.unknownOption':
      return new HyperfileError('CLI_UNKNOWN_OPTION', { data: { option: quoted.replace(/=.*/s, '') }, hint });
    case 'commander.missingArgument':
      return new HyperfileError('CLI_MISSING_ARGUMENT', { data: { argument: quoted }, hint });
    default:
      return new HyperfileError('CLI_USAGE', { data: { problem }, hint });
  }
}

/** Options and arguments of a verb that do not fit together. */
export function misused(verb: string, problem: string, hint = helpHint([verb])): HyperfileError {
  return new HyperfileError('CLI_USAGE', { data: { problem }, hint });
}

export function unknownVerb(verb: string): HyperfileError {
  const near = suggest(
    verb,
    VERBS.map(({ name }) => name),
  );
  const hint = [near && `Did you mean ${near}?`, helpHint([])].filter(Boolean).join(' ');
  return new HyperfileError('CLI_UNKNOWN_VERB', { data: { verb }, hint });
}

/** Points at the help of the verb that the arguments name. */
export function helpHint(argv: readonly string[]): string {
  const verb = verbOf(argv);
  return verb === '' ? "See 'hyperfile --help'." : `See 'hyperfile ${verb} --help'.`;
}

function verbOf(argv: readonly string[]): string {
  return argv.find((argument) => findVerb(argument)) ?? '';
}
