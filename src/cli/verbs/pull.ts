/** `hyperfile pull`. */
import type { Command } from 'commander';
import type { Platform } from '../../plan/platform.ts';
import type { Console } from '../console.ts';
import { platformOption } from '../platform-option.ts';
import {
  addInsecureOption,
  addTransferOptions,
  type RegistryFlags,
  type TransferFlags,
} from '../transfer-options.ts';
import { addExamples } from '../verb.ts';

export interface PullFlags extends TransferFlags, RegistryFlags {
  readonly allTags?: boolean;
  readonly platform?: Platform;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Fetch an image from a registry into the store. Only layers that the store does not have travel; a pull that was broken off goes on where it was. A container image becomes a base that FROM can name.',
    )
    .argument('<NAME>', 'HOST/NAME, HOST/NAME:TAG or HOST/NAME@DIGEST')
    .option('-a, --all-tags', 'pull all tags of the name')
    .addOption(platformOption('which image of several, such as linux/arm64'));
  addInsecureOption(addTransferOptions(command)).action(async (name: string, flags: PullFlags) => {
    const { pullImages } = await import('../pull-images.ts');
    const digests = await pullImages(name, flags, console);
    if (flags.quiet) for (const digest of digests) console.out.write(`${digest}\n`);
  });
  addExamples(command, [
    { what: 'by tag', line: 'hyperfile pull host.example:5000/team/web:1.2' },
    { what: 'exactly what was pushed', line: 'hyperfile pull host.example/web@sha256:DIGEST' },
    { what: 'for another architecture', line: 'hyperfile pull --platform linux/arm64 host.example/web' },
  ]);
}
