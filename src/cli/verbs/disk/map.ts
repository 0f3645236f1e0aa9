/** `hyperfile disk map`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import { formatOption, type OutputFormat } from '../../options.ts';
import { parseOffset, parseSize } from '../../size.ts';
import { addExamples } from '../../verb.ts';

export interface MapFlags {
  readonly format: OutputFormat;
  readonly startOffset?: number;
  readonly maxLength?: number;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Show which part of a disk lies where: in which file of the chain (depth 0 is FILE itself, 1 the disk below it) and where in that file, or nowhere, because it reads as zeros. Nothing of the data is read. With --format json, one object a line in the words of qemu-img map: start, length, zero, data, depth, offset, and the file.',
    )
    .argument('<FILE>', 'a VHDX file; the disks below it are found')
    .option('--start-offset <offset>', 'where on the disk to begin', parseOffset)
    .option('--max-length <size>', 'how much of the disk to show', parseSize)
    .addOption(formatOption())
    .action(async (file: string, flags: MapFlags) => {
      const { mapDisk } = await import('../../disk/map.ts');
      await mapDisk(file, flags, console);
    });
  addExamples(command, [
    { what: 'a disk', line: 'hyperfile disk map web.vhdx' },
    { what: 'who holds the first megabyte', line: 'hyperfile disk map web.vhdx --max-length 1M' },
    {
      what: 'how much each file of a chain contributes',
      line: "hyperfile disk map web.vhdx --format json | jq 'map(select(.data)) | group_by(.depth)[] | {file: .[0].file, bytes: map(.length) | add}'",
    },
  ]);
}
