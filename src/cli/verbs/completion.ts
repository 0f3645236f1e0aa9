/** `hyperfile completion`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { choiceArgument } from '../options.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description('Print a script that teaches a shell to complete verbs, options and image names.')
    .addArgument(choiceArgument('<SHELL>', 'the shell', ['bash', 'zsh', 'fish', 'powershell']))
    .action(async (shell: 'bash' | 'zsh' | 'fish' | 'powershell') => {
      const { COMPLETION_SCRIPTS } = await import('../completion-scripts.ts');
      console.out.write(COMPLETION_SCRIPTS[shell]);
    });
  addExamples(command, [
    { what: 'for this bash, and for every later one', line: 'source <(hyperfile completion bash)' },
    { what: '', line: 'hyperfile completion bash > /etc/bash_completion.d/hyperfile' },
    { what: 'zsh', line: 'hyperfile completion zsh > "${fpath[1]}/_hyperfile"' },
    { what: 'fish', line: 'hyperfile completion fish > ~/.config/fish/completions/hyperfile.fish' },
    {
      what: 'PowerShell, in $PROFILE',
      line: 'hyperfile completion powershell | Out-String | Invoke-Expression',
    },
  ]);
}
