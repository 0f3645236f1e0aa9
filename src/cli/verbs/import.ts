/** `hyperfile import`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { addDriverOptions, progressOption } from '../options.ts';
import { parseSize } from '../size.ts';
import { addExamples } from '../verb.ts';
import { withView, type ViewFlags } from '../view-session.ts';

interface Flags extends ViewFlags {
  readonly diskSize?: number;
  readonly driver?: string;
  readonly driverOpt?: readonly string[];
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Make an image of a disk file (VHDX, VHD, qcow2, raw), of the tar of a root file system (plain, gz, bz2, xz, zst), ' +
        'or of a container image (what docker save writes, an OCI archive, the folder of an OCI layout).',
    )
    .argument('<FILE>', 'the disk, archive or folder')
    .argument('<NAME>', 'name of the new image, as NAME or NAME:TAG')
    .option('--disk-size <size>', 'virtual size of the disk made for a tar', parseSize)
    .option('-q, --quiet', 'print only the id of the image')
    .addOption(progressOption())
    .action(async (file: string, name: string, flags: Flags) => {
      const image = await withView(flags, console, async (io) => {
        const { importImage } = await import('../../build/import.ts');
        const { driverOptions } = await import('../driver-options.ts');
        return importImage(
          {
            file: path.resolve(console.cwd, file),
            name,
            ...(flags.diskSize !== undefined && { diskSizeBytes: flags.diskSize }),
            ...(flags.driver !== undefined && { driver: flags.driver }),
            ...driverOptions(flags.driverOpt, console.env),
          },
          io,
        );
      });
      if (flags.quiet) console.out.write(`${image.id}\n`);
    });
  addDriverOptions(command, 'what reads the disk');
  addExamples(command, [
    { what: 'a disk that was made by hand', line: 'hyperfile import golden.vhdx golden' },
    {
      what: 'a container image that Docker has',
      line: 'docker save -o app.tar app && hyperfile import app.tar app',
    },
    { what: 'a root file system', line: 'hyperfile import rootfs.tar.xz debian:bookworm --disk-size 20G' },
  ]);
}
