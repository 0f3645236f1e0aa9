/** `hyperfile load`. */
import type { Command } from 'commander';
import type { Platform } from '../../plan/platform.ts';
import type { Console } from '../console.ts';
import { platformOption } from '../platform-option.ts';
import { addTransferOptions, type TransferFlags } from '../transfer-options.ts';
import { addExamples } from '../verb.ts';

export interface LoadFlags extends TransferFlags {
  readonly input?: string;
  readonly name?: string;
  readonly platform?: Platform;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Take in the images of an archive: what save or `docker save` has written, or a tar of an OCI layout. Container images become bases that FROM can name.',
    )
    .option('-i, --input <file>', 'the archive, or oci:FOLDER (default: standard input)')
    .option('--name <name>', 'what to call an image that has only a tag there, or none')
    .addOption(platformOption('which image of several, such as linux/arm64'));
  addTransferOptions(command, 'the ids of the images').action(async (flags: LoadFlags) => {
    const { loadArchive } = await import('../load-archive.ts');
    await loadArchive(flags, console);
  });
  addExamples(command, [
    { what: 'what save has written', line: 'hyperfile load -i web.tar' },
    { what: 'a container image from Docker', line: 'docker save debian:12 | hyperfile load' },
    { what: 'a folder that copy has made', line: 'hyperfile load -i oci:web --name web' },
  ]);
}
