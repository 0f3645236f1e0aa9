/** `hyperfile disk compact`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import { addWorkOptions, type WorkFlags } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Make a file shorter, in place: blocks that hold only zeros are dropped, the rest moves together. The disk reads the same at every moment, and its children stay valid. May be stopped and begun again.',
    )
    .argument('<FILE>', 'a VHDX file')
    .action(async (file: string, flags: WorkFlags) => {
      const { compact } = await import('../../disk/compact.ts');
      await compact(file, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    {
      what: 'after the guest has discarded what it deleted (fstrim, Optimize-Volume)',
      line: 'hyperfile disk compact web.vhdx',
    },
  ]);
}
