/** `hyperfile disk diff`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import { addWorkOptions, type WorkFlags } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Compare what two disks hold, and list where they differ, in sectors of 512 bytes. Each is a VHDX with the disks below it, or a raw disk. What both take from the same place of the same file counts as equal without being read, so images that share layers compare at once. Sizes may differ: what one disk has past the end of the other is a difference only where it is not zero, and whether zeros are stored or not makes none.\n\nExit status 0 when the disks are the same, 1 when they differ, otherwise something failed. --quiet stops at the first difference.',
    )
    .argument('<A>', 'a disk')
    .argument('<B>', 'another one')
    .action(async (a: string, b: string, flags: WorkFlags) => {
      const { diff } = await import('../../disk/diff.ts');
      await diff(a, b, flags, console);
    });
  addWorkOptions(command);
  addExamples(command, [
    { what: 'what a step changed', line: 'hyperfile disk diff before.vhdx after.vhdx' },
    { what: 'in a script', line: 'hyperfile disk diff --quiet disk.raw disk.vhdx && rm disk.raw' },
    {
      what: 'how many bytes differ',
      line: 'hyperfile disk diff a.vhdx b.vhdx --format json | jq .differentBytes',
    },
  ]);
}
