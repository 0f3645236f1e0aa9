/** What RUN starts, and what it gives that to read. */
import { HyperfileError } from '../base/error.ts';
import type { RunInstruction } from '../language/ast.ts';
import type { GuestOs } from '../oci/image.ts';
import { commandLine } from './command-line.ts';

export interface RunLine {
  readonly argv: readonly string[];
  readonly stdin?: string;
}

/**
 * A script goes to the interpreter of its `#!` line, else to the shell.
 *
 * @throws HyperfileError PLAN_WINDOWS_SCRIPT for what Windows would run only in part, or not at all
 */
export function runLine(os: GuestOs, command: RunInstruction['command'], shell: readonly string[]): RunLine {
  if (command.form === 'exec') return { argv: command.argv };
  if (command.form === 'script' && command.shebang !== undefined) {
    if (os === 'windows') throw unfit('a #! line names its interpreter');
    return { argv: [...splitShebang(command.shebang), '/dev/stdin'], stdin: command.heredoc.body };
  }
  const argv = command.form === 'script' ? [...shell, command.heredoc.body] : commandLine(command, shell);
  const hasLines = argv.at(-1)?.trimEnd().includes('\n') ?? false;
  if (os === 'windows' && isCmd(shell[0]) && hasLines) throw unfit('cmd would run its first line only');
  return { argv };
}

function isCmd(program = ''): boolean {
  return /(?:^|[\\/])cmd(?:\.exe)?$/i.test(program);
}

function unfit(problem: string): HyperfileError {
  return new HyperfileError('PLAN_WINDOWS_SCRIPT', { data: { problem } });
}

/** Like the kernel: the interpreter, and the rest of the line as one argument. */
function splitShebang(line: string): string[] {
  const [, interpreter = '', argument = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
  return argument === '' ? [interpreter] : [interpreter, argument];
}
