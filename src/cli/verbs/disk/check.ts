/** `hyperfile disk check`. */
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import { formatOption, type OutputFormat } from '../../options.ts';
import { addExamples } from '../../verb.ts';

export interface CheckFlags {
  readonly format: OutputFormat;
  readonly quiet?: boolean;
  readonly repair?: boolean;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Check a VHDX file and all disks below it against every rule of the format, and list all that is wrong. Exit status 0 when there are no errors, 4 when there are any. Warnings are what is read all the same, but is not as it should be; they do not change the exit status.',
    )
    .argument('<FILE>', 'a VHDX file')
    .option('--repair', 'put right what takes no guessing, in FILE itself; then check again')
    .option('-q, --quiet', 'print nothing but errors')
    .addOption(formatOption())
    .action(async (file: string, flags: CheckFlags) => {
      const { checkDisk } = await import('../../disk/check.ts');
      checkDisk(file, flags, console);
    });
  addExamples(command, [
    { what: 'a disk and its parents', line: 'hyperfile disk check web.vhdx' },
    { what: 'a disk that was not closed cleanly', line: 'hyperfile disk check --repair web.vhdx' },
    {
      what: 'in a script: only what must not be',
      line: 'hyperfile disk check --quiet web.vhdx || exit',
    },
    {
      what: 'what can be repaired',
      line: "hyperfile disk check web.vhdx --format json | jq '.files[].findings[] | select(.repair)'",
    },
  ]);
}
