/** `hyperfile push`. */
import type { Command } from 'commander';
import { HyperfileError } from '../../base/error.ts';
import { DEFAULT_TAG, formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Store } from '../../store/store.ts';
import type { TransferIo } from '../../transfer/io.ts';
import type { Console } from '../console.ts';
import { withRepository } from '../places.ts';
import {
  addInsecureOption,
  addLevelOption,
  addTransferOptions,
  type RegistryFlags,
  type TransferFlags,
} from '../transfer-options.ts';
import { misused } from '../usage-error.ts';
import { addExamples } from '../verb.ts';
import { withTransferView } from '../view-session.ts';

interface Flags extends TransferFlags, RegistryFlags {
  readonly allTags?: boolean;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Send an image to the registry that its name says. Only layers that the registry does not have travel.',
    )
    .argument('<IMAGE>', 'name of an image in the store, as HOST/NAME or HOST/NAME:TAG')
    .option('-a, --all-tags', 'push all tags of the name');
  addInsecureOption(addLevelOption(addTransferOptions(command))).action(
    async (name: string, flags: Flags) => {
      const digests = await withTransferView(flags, console, (io) => pushAll(name, flags, io, console));
      if (flags.quiet) for (const digest of digests) console.out.write(`${digest}\n`);
    },
  );
  addExamples(command, [
    {
      what: 'an image under its name in a registry',
      line: 'hyperfile tag web host.example:5000/team/web:1.2 && hyperfile push host.example:5000/team/web:1.2',
    },
    { what: 'all its tags', line: 'hyperfile push --all-tags host.example:5000/team/web' },
    {
      what: 'from a script: the digest, and nothing else',
      line: 'digest=$(hyperfile push -q host.example/web)',
    },
  ]);
}

/** Nothing is sent before every name is known to be in the store. */
async function pushAll(name: string, flags: Flags, io: TransferIo, console: Console): Promise<Digest[]> {
  const reference = parseReference(name);
  const tags = await tagsToPush(reference, flags, io.store);
  const images = await Promise.all(
    tags.map(async (tag) => ({ tag, image: await io.store.image(formatReference({ ...reference, tag })) })),
  );
  const warn = (message: string) => io.onEvent({ type: 'warning', message });
  const { signal } = io;
  return withRepository({ kind: 'registry', reference }, flags, { console, signal, warn }, async (target) => {
    const { pushImage } = await import('../../transfer/push-image.ts');
    const digests: Digest[] = [];
    for (const { tag, image } of images) digests.push(await pushImage({ image, target, tag }, io));
    return digests;
  });
}

async function tagsToPush(reference: Reference, { allTags }: Flags, store: Store): Promise<string[]> {
  if (reference.digest !== undefined) {
    throw misused('push', 'an image is pushed under a tag; its digest follows from what it holds');
  }
  if (!allTags) return [reference.tag ?? DEFAULT_TAG];
  if (reference.tag !== undefined) throw misused('push', 'a tag and --all-tags cannot go together');
  const { host, path } = reference;
  const names = (await store.listImages()).flatMap((image) => image.names).map(parseReference);
  const tags = names.flatMap((known) =>
    known.host === host && known.path === path ? (known.tag ?? []) : [],
  );
  if (tags.length === 0) {
    throw new HyperfileError('STORE_IMAGE_NOT_FOUND', { data: { name: formatReference(reference) } });
  }
  return tags.sort();
}
