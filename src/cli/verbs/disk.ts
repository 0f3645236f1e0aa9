/** `hyperfile disk`: every command has a file of its own in `disk/`; what is heavy loads only when it runs. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import type { VerbModule } from '../verb.ts';
import * as check from './disk/check.ts';
import * as info from './disk/info.ts';

/** In the order of the help. */
const COMMANDS: readonly { readonly name: string; readonly summary: string; readonly module: VerbModule }[] =
  [
    { name: 'info', summary: 'Show what a VHDX file says about itself and the disks below it', module: info },
    { name: 'check', summary: 'Check a VHDX file and the disks below it', module: check },
  ];

export function define(command: Command, console: Console): void {
  command.description('Look into virtual disks.');
  for (const { name, summary, module } of COMMANDS)
    module.define(command.command(name).summary(summary), console);
}
