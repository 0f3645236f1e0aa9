/** `hyperfile disk resize`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import type { ResizeFlags } from '../../disk/resize.ts';
import { addWorkOptions } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Make a disk larger or smaller, in place. Its children, if it has any, are lost: their parent is not what it was. Partitions and file systems keep their sizes.',
    )
    .argument('<FILE>', 'a VHDX file')
    .argument('<SIZE>', 'the new size (80G), or how much more (+16G)')
    .option('--shrink', 'make it smaller; what lies behind the new end is lost')
    .option('--force', 'even if other disks stand on it, or a partition is cut')
    .action(async (file: string, size: string, flags: ResizeFlags) => {
      const { resize } = await import('../../disk/resize.ts');
      await resize(file, size, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'more room', line: 'hyperfile disk resize data.vhdx +64G' },
    { what: 'less', line: 'hyperfile disk resize data.vhdx 32G --shrink' },
  ]);
}
