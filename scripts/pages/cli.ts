/** docs/cli.md: the help of every verb, as the command prints it. */
import type { Command } from 'commander';
import type { Console } from '../../src/cli/console.ts';
import { createProgram } from '../../src/cli/run.ts';
import { VERBS } from '../../src/cli/verbs.ts';

export async function cliPage(): Promise<string> {
  const printed: string[] = [];
  const program = createProgram(recordingConsole(printed), await allVerbs());
  const helpOf = (command: Command): string => {
    printed.length = 0;
    command.outputHelp();
    return `\`\`\`\n${printed.join('').trimEnd()}\n\`\`\`\n`;
  };
  const sections = program.commands
    .flatMap((command) => (command.commands.length > 0 ? command.commands : [command]))
    .map((command) => `## ${fullName(command)}\n\n${helpOf(command)}`);
  return `# The command\n\n${helpOf(program)}\n${sections.join('\n')}`;
}

async function allVerbs() {
  return new Map(await Promise.all(VERBS.map(async ({ name, load }) => [name, await load()] as const)));
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function recordingConsole(printed: string[]): Console {
  const out = { columns: 100, write: (text: string) => printed.push(text) > 0 } as unknown as Console['out'];
  return { out, err: out, input: process.stdin, env: {}, cwd: '/' };
}
