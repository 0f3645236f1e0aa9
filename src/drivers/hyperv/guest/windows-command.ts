/** A command of a recipe as Windows wants it: one line, which every program cuts into arguments by itself. */
import path from 'node:path';
import { HyperfileError } from '../../../base/error.ts';
import type { GuestCommand } from '../../driver.ts';
import type { GuestProgram } from './guest-calls.ts';

/** Accounts of Windows' container images; a machine's guest has one administrator, who does their work. */
const CONTAINER_ACCOUNTS = ['containeradministrator'];

/**
 * @param account that the guest is entered with, and that all commands run as
 * @throws HyperfileError HYPERV_GUEST_USER for another user
 */
export function windowsProgram(command: GuestCommand, account: string): GuestProgram {
  requireUser(command.user, account);
  const [program = '', ...args] = command.argv;
  return {
    program,
    commandLine: windowsArguments(program, args),
    workFolder: command.workdir,
    environment: command.env,
    inputText: command.stdin ?? '',
  };
}

/** `.\name`, `machine\name` and `name` are one account; Windows' names do not differ in case. */
function requireUser(user: string, account: string): void {
  const plain = (name: string): string => name.replace(/^[^\\]*\\/, '').toLowerCase();
  if (user === '' || CONTAINER_ACCOUNTS.includes(user.toLowerCase()) || plain(user) === plain(account))
    return;
  throw new HyperfileError('HYPERV_GUEST_USER', { data: { user, account } });
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
