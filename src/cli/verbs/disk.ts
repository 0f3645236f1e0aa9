/** `hyperfile disk`: every command has a file of its own in `disk/`; what is heavy loads only when it runs. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import type { VerbModule } from '../verb.ts';
import * as check from './disk/check.ts';
import * as compact from './disk/compact.ts';
import * as convert from './disk/convert.ts';
import * as create from './disk/create.ts';
import * as diff from './disk/diff.ts';
import * as info from './disk/info.ts';
import * as map from './disk/map.ts';
import * as merge from './disk/merge.ts';
import * as rebase from './disk/rebase.ts';
import * as resize from './disk/resize.ts';
import * as trim from './disk/trim.ts';

/** In the order of the help. */
const COMMANDS: readonly { readonly name: string; readonly summary: string; readonly module: VerbModule }[] =
  [
    { name: 'create', summary: 'Make an empty VHDX file', module: create },
    { name: 'convert', summary: 'Copy a disk into a file of another format', module: convert },
    { name: 'info', summary: 'Show what a VHDX file says about itself and the disks below it', module: info },
    { name: 'check', summary: 'Check a VHDX file and the disks below it', module: check },
    { name: 'map', summary: 'Show which part of a disk lies in which file', module: map },
    { name: 'diff', summary: 'Show where two disks differ', module: diff },
    { name: 'resize', summary: 'Make a disk larger or smaller', module: resize },
    { name: 'compact', summary: 'Make a disk file shorter', module: compact },
    { name: 'merge', summary: 'Merge a differencing disk into its parent', module: merge },
    { name: 'rebase', summary: 'Set the parent of a differencing disk', module: rebase },
    { name: 'trim', summary: 'Give up blocks that need not be held', module: trim },
  ];

export function define(command: Command, console: Console): void {
  command.description('Make, check, change and convert virtual disks.');
  for (const { name, summary, module } of COMMANDS)
    module.define(command.command(name).summary(summary), console);
}
