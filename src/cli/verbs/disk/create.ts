/** `hyperfile disk create`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import type { CreateFlags } from '../../disk/create.ts';
import { addWorkOptions, choiceOption } from '../../options.ts';
import { parseSize } from '../../size.ts';
import { addExamples } from '../../verb.ts';

const SECTORS = ['512', '4096'];

export function define(command: Command, console: Console): void {
  command
    .description(
      'Make an empty VHDX file. It grows as it is written to, unless it is fixed. With a parent it holds only what differs from that; the parent must not change any more.',
    )
    .argument('<FILE>', 'the new file: .vhdx or .avhdx')
    .option(
      '--size <size>',
      'size of the disk, up to 64T (default with --parent: that of the parent)',
      parseSize,
    )
    .option(
      '--block-size <size>',
      'the least that a write to a new place takes: 1M to 256M (default: 1M, which keeps files small; 32M, as in Windows, for disks of more than 1T)',
      parseSize,
    )
    .addOption(choiceOption('--sector-size <bytes>', 'logical sectors (default: 512)', SECTORS))
    .addOption(choiceOption('--physical-sector-size <bytes>', 'physical sectors (default: 4096)', SECTORS))
    .option('--fixed', 'reserve all space now, by writing zeros')
    .option('--parent <file>', 'make a difference on this disk')
    .action(async (file: string, flags: CreateFlags) => {
      const { create } = await import('../../disk/create.ts');
      await create(file, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'a disk that grows', line: 'hyperfile disk create data.vhdx --size 64G' },
    { what: 'one that cannot run out of space', line: 'hyperfile disk create data.vhdx --size 64G --fixed' },
    { what: 'a scratch copy of a disk', line: 'hyperfile disk create try.vhdx --parent ../golden.vhdx' },
  ]);
}
