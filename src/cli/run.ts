/** From arguments to an exit status: finds the verb, loads only it, and turns every error into a message. */
import { Command, CommanderError } from 'commander';
import type { Console } from './console.ts';
import { Answer, EXIT_MEANINGS } from './exit-statuses.ts';
import { toUsageError, unknownVerb } from './usage-error.ts';
import type { VerbModule } from './verb.ts';
import { findVerb, VERBS } from './verbs.ts';

/** What completion scripts call; it is in no list. */
const COMPLETE_VERB = '__complete';

const DESCRIPTION =
  'Build, cache and share virtual machine images as layers, from a superset of the Dockerfile.';

const STATUSES: readonly (readonly [string, string])[] = [['0', 'done'], ...Object.entries(EXIT_MEANINGS)];

const AFTER_HELP = `
Exit status:
${STATUSES.map(([status, meaning]) => `  ${status.padEnd(5)}${meaning}`).join('\n')}

Run 'hyperfile help VERB' for what a verb does, its options and examples.`;

/** Runs one command line (without node and the script) and returns its exit status. Never throws. */
export async function run(argv: readonly string[], console: Console): Promise<number> {
  try {
    if (argv[0] === COMPLETE_VERB) return await complete(argv.slice(1), console);
    const args = normalize(argv);
    const verb = args.find((argument) => !argument.startsWith('-'));
    const entry = verb === undefined ? undefined : findVerb(verb);
    if (verb !== undefined && entry === undefined) throw unknownVerb(verb);
    const modules = new Map(entry && [[entry.name, await entry.load()]]);
    await createProgram(console, modules).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof Answer) return error.status;
    const { reportError } = await import('./report-error.ts');
    return reportError(error instanceof CommanderError ? toUsageError(error, argv) : error, argv, console);
  }
}

/** Answers the shells' completion scripts: a candidate and its description a line. */
async function complete(words: readonly string[], console: Console): Promise<number> {
  const { completions } = await import('./complete.ts');
  const found = await completions(wordsToComplete(words), console);
  const lines = found.map(({ value, description }) => `${value}${description ? `\t${description}` : ''}\n`);
  console.out.write(lines.join(''));
  return 0;
}

function wordsToComplete(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words;
  const word = /^--word=(.*)$/s.exec(first)?.[1];
  if (word !== undefined) return [...wordsToComplete(rest), word];
  return first === '--' ? rest : words;
}

/** The whole command; a verb whose module is not given is there by name only. */
export function createProgram(console: Console, modules: ReadonlyMap<string, VerbModule>): Command {
  const program = new Command('hyperfile')
    .description(DESCRIPTION)
    .usage('VERB [options]')
    .commandsGroup('Verbs:')
    .helpCommand(false)
    .option('-v, --version', 'show the version')
    .addHelpText('after', AFTER_HELP)
    .configureHelp({ subcommandTerm: (command) => command.name() });
  prepare(program, console);
  for (const { name, summary } of VERBS) {
    const command = program.command(name).summary(summary).description(summary);
    modules.get(name)?.define(command, console);
    for (const part of [command, ...command.commands]) prepare(part, console);
  }
  return program;
}

/** `help VERB` is `VERB --help`, `--version` is `version`, nothing at all is `--help`. */
function normalize(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  if (first === undefined) return ['--help'];
  if (first === 'help') {
    const verb = rest.filter((argument) => !argument.startsWith('-'));
    return verb.length === 0 && rest.length > 0 ? ['help', '--help'] : [...verb, '--help'];
  }
  if (first === '-v' || first === '--version') return ['version', ...rest];
  return [...argv];
}

/** commander neither ends the process nor prints an error: it throws, and help goes where we say. */
function prepare(command: Command, console: Console): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'show this help')
    .configureOutput({
      writeOut: (text) => console.out.write(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => console.out.columns ?? 100,
    });
}
