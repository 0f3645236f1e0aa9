/** `hyperfile help`: only its own help. `help VERB` is answered by the verb. */
import type { Command } from 'commander';
import { addExamples } from '../verb.ts';

export function define(command: Command): void {
  command.description('Show help for a verb.').argument('[VERB]', 'the verb');
  addExamples(command, [
    { what: 'all verbs', line: 'hyperfile help' },
    { what: 'one of them', line: 'hyperfile help build' },
  ]);
}
