/** `hyperfile disk trim`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import type { TrimFlags } from '../../disk/trim.ts';
import { addWorkOptions } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Give up blocks that hold only zeros; the disk reads the same. With a range, discard what it holds: it reads as zeros afterwards, and disks that stand on this one are lost. The file keeps its length until it is compacted.',
    )
    .argument('<FILE>', 'a VHDX file')
    .option('--offset <bytes>', 'where the range begins (default: 0)')
    .option('--length <size>', 'how long it is (default: to the end of the disk)')
    .option('--force', 'discard a range even if other disks stand on this one')
    .action(async (file: string, flags: TrimFlags) => {
      const { trim } = await import('../../disk/trim.ts');
      await trim(file, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'zeros that the guest has written', line: 'hyperfile disk trim data.vhdx' },
    {
      what: 'a partition that is not needed any more',
      line: 'hyperfile disk trim data.vhdx --offset 1M --length 512M',
    },
  ]);
}
