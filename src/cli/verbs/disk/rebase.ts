/** `hyperfile disk rebase`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import type { RebaseFlags } from '../../disk/rebase.ts';
import { formatOption } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Tell a differencing disk where its parent is. No block is touched, and its own children stay valid. Refused when the parent is not the disk that the difference was made on.',
    )
    .argument('<FILE>', 'a differencing VHDX file')
    .requiredOption('--parent <file>', 'the disk that it stands on')
    .option(
      '--ignore-id-mismatch',
      'take a parent with another identity; only right when it holds exactly what the old one held',
    )
    .addOption(formatOption())
    .option('-q, --quiet', 'print nothing but errors')
    .action(async (file: string, flags: RebaseFlags) => {
      const { rebase } = await import('../../disk/rebase.ts');
      rebase(file, flags, console);
    });
  addExamples(command, [
    { what: 'the parent was moved', line: 'hyperfile disk rebase web.vhdx --parent ../bases/debian.vhdx' },
    {
      what: 'the parent was converted to a fixed disk',
      line: 'hyperfile disk rebase web.vhdx --parent debian-fixed.vhdx --ignore-id-mismatch',
    },
  ]);
}
