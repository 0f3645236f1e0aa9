/** `hyperfile logout`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description('Forget the user name and password of a registry.')
    .argument(
      '[SERVER]',
      "the registry's host, with its port (default: where names without a host come from)",
    )
    .action(async (server: string | undefined) => {
      const { logOut } = await import('../log-in.ts');
      await logOut(server, console);
    });
  addExamples(command, [{ what: 'after the last push', line: 'hyperfile logout host.example:5000' }]);
}
