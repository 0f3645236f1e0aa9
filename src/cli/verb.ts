/** The shape of a verb's module. Modules are loaded only for the verb that runs, so keep their imports light. */
import type { Command } from 'commander';
import type { Console } from './console.ts';

export interface VerbModule {
  /** Adds options, help and the action to a command that already has its name and summary. */
  define(command: Command, console: Console): void;
}

export interface VerbEntry {
  readonly name: string;
  /** One line for the list of verbs. */
  readonly summary: string;
  readonly load: () => Promise<VerbModule>;
}

export interface Example {
  readonly what: string;
  readonly line: string;
}

/** The end of a verb's help: what people really type. */
export function addExamples(command: Command, examples: readonly Example[]): void {
  const body = examples.map(({ what, line }) => `  # ${what}\n  $ ${line}`).join('\n');
  command.addHelpText('after', `\nExamples:\n${body}`);
}
