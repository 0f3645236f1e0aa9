/** `hyperfile login`, with Docker's flags and Docker's file of credentials. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { addInsecureOption, type RegistryFlags } from '../transfer-options.ts';
import { addExamples } from '../verb.ts';

export interface LoginFlags extends RegistryFlags {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Check a user name and a password with a registry, and keep them where Docker does: with its credential helpers, or in its config.json.',
    )
    .argument(
      '[SERVER]',
      "the registry's host, with its port (default: where names without a host come from)",
    )
    .option('-u, --username <name>', 'the user name; asked for when it is missing')
    .option(
      '-p, --password <password>',
      'the password or token; others can see it here, so use --password-stdin',
    )
    .option('--password-stdin', 'read the password or token from standard input');
  addInsecureOption(command).action(async (server: string | undefined, flags: LoginFlags) => {
    const { logIn } = await import('../log-in.ts');
    await logIn(server, flags, console);
  });
  addExamples(command, [
    { what: 'answer two questions', line: 'hyperfile login host.example:5000' },
    {
      what: 'in a CI job: the token comes from a secret',
      line: 'echo "$TOKEN" | hyperfile login -u robot --password-stdin host.example:5000',
    },
  ]);
}
