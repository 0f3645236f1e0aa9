/** `hyperfile index`. */
import type { Command } from 'commander';
import { isDigest, type Digest } from '../../oci/digest.ts';
import { referenceOf, type Location } from '../../oci/location.ts';
import type { CopyIo } from '../../transfer/copy-image.ts';
import type { IndexSource } from '../../transfer/make-index.ts';
import type { Console } from '../console.ts';
import { placeOf, withRepository, type PlaceIo } from '../places.ts';
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
  readonly append?: boolean;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Make one name for several images, for different architectures or guests: a pull takes the one that fits. What the sources have and the target lacks is copied first.',
    )
    .argument('<NAME>', 'the new name, as HOST/NAME:TAG or oci:FOLDER:TAG')
    .argument('<SOURCE...>', 'images, or indexes whose images are taken over')
    .option('--append', 'keep what the name lists already');
  addInsecureOption(addTransferOptions(command)).action(
    async (name: string, sources: readonly string[], flags: Flags) => {
      const digest = await withCopyView(flags, console, (io) => compose(name, sources, flags, io, console));
      if (flags.quiet) console.out.write(`${digest}\n`);
    },
  );
  addExamples(command, [
    {
      what: 'two images that two machines have pushed',
      line: 'hyperfile index host.example/web:1.2 host.example/web:1.2-amd64 host.example/web:1.2-arm64',
    },
    {
      what: 'one more architecture',
      line: 'hyperfile index --append host.example/web:1.2 host.example/web:1.2-riscv64',
    },
  ]);
}

function compose(
  name: string,
  sources: readonly string[],
  flags: Flags,
  io: CopyIo,
  console: Console,
): Promise<Digest> {
  const target = placeOf(name, console);
  const tag = referenceOf(target);
  if (isDigest(tag)) throw misused('index', 'an index gets a tag; its digest follows from what it lists');
  const places = sources.map((source) => placeOf(source, console));
  const warn = (message: string) => io.onEvent({ type: 'warning', message });
  const placeIo = { console, signal: io.signal, warn };
  return withRepository(target, { ...flags, create: true }, placeIo, (to) =>
    withSources(places, flags, placeIo, [], async (opened) => {
      const { makeIndex } = await import('../../transfer/make-index.ts');
      const kept = flags.append && (await to.resolve(tag, { signal: io.signal }));
      const before = kept ? [{ from: to, reference: kept.digest }] : [];
      return makeIndex({ sources: [...before, ...opened], to, tag }, io);
    }),
  );
}

/** Opens one source after the other around the work. */
function withSources<T>(
  [place, ...rest]: readonly Location[],
  flags: RegistryFlags,
  io: PlaceIo & { readonly console: Console },
  opened: readonly IndexSource[],
  work: (sources: readonly IndexSource[]) => Promise<T>,
): Promise<T> {
  if (place === undefined) return work(opened);
  return withRepository(place, flags, io, (from) =>
    withSources(rest, flags, io, [...opened, { from, reference: referenceOf(place) }], work),
  );
}
