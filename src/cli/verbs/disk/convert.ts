/** `hyperfile disk convert`. */
import type { Command } from 'commander';
import { DISK_FORMATS } from '../../../convert/format-names.ts';
import type { Console } from '../../console.ts';
import type { ConvertFlags } from '../../disk/convert.ts';
import { addWorkOptions, choiceOption } from '../../options.ts';
import { parseSize } from '../../size.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Copy a disk into a new file of another format, or into one file where it stands on others. The input is only read; the output appears whole or not at all. qcow2 and VMDK need qemu-img, and so does writing VHD.',
    )
    .argument('<IN>', 'a disk; of a differencing VHDX, the disks below it are found')
    .argument(
      '<OUT>',
      'the new file; its ending chooses the format: .vhdx, .avhdx, .vhd, .qcow2, .vmdk, .raw or .img',
    )
    .addOption(
      choiceOption('--from <format>', 'format of IN (default: what its content shows)', DISK_FORMATS),
    )
    .addOption(choiceOption('--to <format>', 'format of OUT, whatever its ending', DISK_FORMATS))
    .option('--fixed', 'reserve all space, by writing zeros as well (VHDX, VHD, raw)')
    .option(
      '--block-size <size>',
      'of a VHDX: the least that a write to a new place takes, 1M to 256M (default: 1M; 32M for disks of more than 1T)',
      parseSize,
    )
    .option('--sync', 'wait until OUT is on the storage; else a power cut may still lose it')
    .action(async (input: string, output: string, flags: ConvertFlags) => {
      const { convert } = await import('../../disk/convert.ts');
      await convert(input, output, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'a raw disk for Hyper-V', line: 'hyperfile disk convert disk.raw disk.vhdx' },
    { what: 'a chain as one disk', line: 'hyperfile disk convert web.vhdx flat.vhdx' },
    { what: 'a cloud image for Hyper-V', line: 'hyperfile disk convert cloud.qcow2 cloud.vhdx --fixed' },
    { what: 'a disk whose ending says nothing', line: 'hyperfile disk convert web.vhdx web.bin --to raw' },
  ]);
}
