/** What `hyperfile pull` does: machine images come as they are, container images become bases. */
import { HyperfileError } from '../base/error.ts';
import type { Digest } from '../oci/digest.ts';
import {
  formatReference,
  parseReference,
  repositoryName,
  wantedManifest,
  type Reference,
} from '../oci/reference.ts';
import type { Repository } from '../oci/repository.ts';
import { guestPlatforms } from '../plan/platform.ts';
import type { TransferIo } from '../transfer/io.ts';
import type { Console } from './console.ts';
import { ContainerEvents } from './container-events.ts';
import { withRepository } from './places.ts';
import { misused } from './usage-error.ts';
import type { PullFlags } from './verbs/pull.ts';
import { withTransferView } from './view-session.ts';

/** @returns The digests of the manifests. @throws HyperfileError of the registry, of what it sent, and of the store */
export async function pullImages(name: string, flags: PullFlags, console: Console): Promise<Digest[]> {
  const reference = parseReference(name);
  if (flags.allTags && (reference.tag !== undefined || reference.digest !== undefined)) {
    throw misused('pull', 'a tag or a digest and --all-tags cannot go together');
  }
  return withTransferView(flags, console, (io) => {
    const warn = (message: string) => io.onEvent({ type: 'warning', message });
    const place = { kind: 'registry', reference } as const;
    return withRepository(place, flags, { console, signal: io.signal, warn }, async (repository) => {
      const references = flags.allTags ? await allTags(reference, repository, io.signal) : [reference];
      const digests: Digest[] = [];
      for (const one of references) digests.push(await pullOne(one, repository, flags, io));
      return digests;
    });
  });
}

async function allTags(
  reference: Reference,
  repository: Repository,
  signal: AbortSignal,
): Promise<Reference[]> {
  const tags: Reference[] = [];
  for await (const tag of repository.tags({ signal })) tags.push({ ...reference, tag });
  if (tags.length > 0) return tags;
  const data = { name: repositoryName(reference), reference: 'any tag' };
  throw new HyperfileError('TRANSFER_IMAGE_NOT_FOUND', { data });
}

async function pullOne(
  reference: Reference,
  repository: Repository,
  flags: PullFlags,
  io: TransferIo,
): Promise<Digest> {
  const name = formatReference(reference);
  const platform = flags.platform ?? guestPlatforms();
  const { pullImage } = await import('../transfer/pull-image.ts');
  const events = new ContainerEvents(io.onEvent);
  const pull = { repository, reference: wantedManifest(reference), name, platform };
  try {
    const pulled = await pullImage(pull, { ...io, onEvent: events.onTransfer });
    if (pulled.kind === 'machine') return pulled.digest;
    await events.during(pulled.descriptor.digest, async (onEvent) => {
      const { pullContainer } = await import('../build/pull-container.ts');
      return pullContainer({ ...pulled, repository, name }, { ...io, onEvent });
    });
    return pulled.digest;
  } finally {
    events.release();
  }
}
