/** A command of a recipe as Windows wants it: one line, which every program cuts into arguments by itself. */
import path from 'node:path';
import type { GuestCommand } from '../../driver.ts';
import type { GuestProgram } from './guest-calls.ts';

/** What it is to Windows, whoever runs it. */
export function windowsProgram(command: GuestCommand): GuestProgram {
  const [program = '', ...args] = command.argv;
  return {
    program,
    commandLine: windowsArguments(program, args),
    workFolder: command.workdir,
    environment: command.env,
    inputText: command.stdin ?? '',
  };
}

/**
 * What follows a program on its command line. `cmd` gets what comes after its /C as it is, between two quotation marks
 * that it takes off again (with /S, and without it in nearly all cases); everything else is written for C's startup code.
 */
export function windowsArguments(program: string, args: readonly string[]): string {
  const at = isCommandInterpreter(program) ? args.findIndex((word) => /^\/[ck]$/i.test(word)) : -1;
  if (at < 0) return args.map(quoteArgument).join(' ');
  return [...args.slice(0, at + 1), `"${args.slice(at + 1).join(' ')}"`].join(' ');
}

function isCommandInterpreter(program: string): boolean {
  return /^cmd(\.exe)?$/i.test(path.win32.basename(program));
}

/** Backslashes are themselves, but for those before a quotation mark; those are doubled. */
export function quoteArgument(argument: string): string {
  if (argument !== '' && !/[\s"]/.test(argument)) return argument;
  return `"${argument.replace(/(\\*)("|$)/g, (_, slashes: string, end: string) => slashes + slashes + (end && '\\"'))}"`;
}
