import type { Command } from '../language/ast.ts';

/** The program and arguments of a command in either form. */
export function commandLine(command: Command, shell: readonly string[]): readonly string[] {
  return command.form === 'exec' ? command.argv : [...shell, command.line];
}
