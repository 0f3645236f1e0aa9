/** `hyperfile disk merge`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import type { MergeFlags } from '../../disk/merge.ts';
import { addWorkOptions } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Merge a differencing disk into its parent, which then holds what the difference showed; the difference is removed. Disks in its folder that stand on it stand on the parent afterwards. A merge that was stopped or killed is finished by merging again; every disk reads the same meanwhile.',
    )
    .argument('<FILE>', 'a differencing VHDX file')
    .option('--keep', 'leave the difference where it is, empty')
    .option('--force', 'even if other disks stand on the parent; they are lost')
    .action(async (file: string, flags: MergeFlags) => {
      const { merge } = await import('../../disk/merge.ts');
      await merge(file, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'a checkpoint back into its disk', line: 'hyperfile disk merge web_1.avhdx' },
  ]);
}
