/** `hyperfile copy`. */
import type { Command } from 'commander';
import { isDigest, type Digest } from '../../oci/digest.ts';
import { referenceOf } from '../../oci/location.ts';
import { guestPlatforms, type Platform } from '../../plan/platform.ts';
import type { CopyIo } from '../../transfer/copy-image.ts';
import type { Console } from '../console.ts';
import { placeOf, withRepository } from '../places.ts';
import { platformOption } from '../platform-option.ts';
import {
  addInsecureOption,
  addTransferOptions,
  type RegistryFlags,
  type TransferFlags,
} from '../transfer-options.ts';
import { misused } from '../usage-error.ts';
import { addExamples } from '../verb.ts';
import { withCopyView } from '../view-session.ts';

interface Flags extends TransferFlags, RegistryFlags {
  readonly all?: boolean;
  readonly platform?: Platform;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Copy an image from one place to another, past the store: its digest stays. A place is a name in a registry (docker://NAME), oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or, to copy from, docker-archive:FILE[:NAME].',
    )
    .argument('<SRC>', 'where the image is')
    .argument('<DST>', 'where it is to be')
    .option('-a, --all', 'of an image for several platforms, copy all of them and the index')
    .addOption(platformOption('which image of several, such as linux/arm64'));
  addInsecureOption(addTransferOptions(command)).action(
    async (source: string, target: string, flags: Flags) => {
      const digest = await withCopyView(flags, console, (io) => copy(source, target, flags, io, console));
      if (flags.quiet) console.out.write(`${digest}\n`);
    },
  );
  addExamples(command, [
    {
      what: 'from one registry to another',
      line: 'hyperfile copy host.example:5000/web:1.2 other.example/team/web:1.2',
    },
    {
      what: 'into a folder, for a host without a network',
      line: 'hyperfile copy host.example/web oci:web:1.2',
    },
    {
      what: 'an index with all its images',
      line: 'hyperfile copy --all host.example/web oci-archive:web.tar:latest',
    },
  ]);
}

function copy(source: string, target: string, flags: Flags, io: CopyIo, console: Console): Promise<Digest> {
  const [from, to] = [placeOf(source, console), placeOf(target, console)];
  if (flags.all && flags.platform !== undefined) {
    throw misused('copy', '--all and --platform cannot go together');
  }
  const tag = referenceOf(to);
  if (isDigest(tag))
    throw misused('copy', 'an image is copied to a tag; its digest follows from what it holds');
  const warn = (message: string) => io.onEvent({ type: 'warning', message });
  const placeIo = { console, signal: io.signal, warn };
  const platform = flags.all ? 'all' : (flags.platform ?? guestPlatforms());
  return withRepository(from, flags, placeIo, (fromPlace) =>
    withRepository(to, { ...flags, create: true }, placeIo, async (toPlace) => {
      const { copyImage } = await import('../../transfer/copy-image.ts');
      return copyImage({ from: fromPlace, reference: referenceOf(from), to: toPlace, tag, platform }, io);
    }),
  );
}
