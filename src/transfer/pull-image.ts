/** Brings an image into the store. */
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig } from '../oci/image.ts';
import { platformsOf, type WantedPlatform } from '../oci/platform-choice.ts';
import { formatReference, parseReference, pinned } from '../oci/reference.ts';
import type { Repository } from '../oci/repository.ts';
import type { Store } from '../store/store.ts';
import type { TransferAction } from './events.ts';
import { LayerFetcher } from './fetch-layers.ts';
import type { TransferIo } from './io.ts';
import { notFound, readRemoteImage, type RemoteContainer, type RemoteMachine } from './remote-image.ts';
import { withTransfer } from './session.ts';

export interface ImageToPull {
  readonly repository: Repository;
  /** A tag or a digest. */
  readonly reference: string;
  /** What it is to be called in the store. One with a digest names just that; else a tag is moved to the image. */
  readonly name: string;
  readonly platform: WantedPlatform;
  /** What is told to whoever watches; default `pull`. */
  readonly action?: TransferAction;
}

export interface PulledMachine {
  readonly kind: 'machine';
  /** Of what the tag stands for: a manifest, or an index. */
  readonly digest: Digest;
  /** The image's id in the store. */
  readonly id: Digest;
  readonly config: ImageConfig;
  /** False when the store had this image under this name before. */
  readonly isNew: boolean;
}

/** Nothing moved: a container image has no disk until one is made of it. */
export type PulledContainer = RemoteContainer;

/**
 * Brings what the store lacks, checks all of it, and then names the image: as it was asked for, and as `NAME@digest`.
 * What the store has already under that digest needs one question.
 *
 * @throws HyperfileError TRANSFER_IMAGE_NOT_FOUND, those of {@link readRemoteImage} and of {@link LayerFetcher.fetch}
 */
export function pullImage(pull: ImageToPull, io: TransferIo): Promise<PulledMachine | PulledContainer> {
  const { name, action = 'pull' } = pull;
  return withTransfer(io, { action, name }, async (counted) => {
    const lease = await io.store.lease();
    try {
      return (await findPulled(pull, counted)) ?? (await fetchImage(pull, counted));
    } finally {
      lease.release();
    }
  });
}

async function fetchImage(pull: ImageToPull, io: TransferIo): Promise<PulledMachine | PulledContainer> {
  const { repository, reference, platform, name } = pull;
  const remote = await readRemoteImage(repository, reference, platform, { signal: io.signal });
  if (remote === undefined) throw notFound(repository, reference);
  if (remote.kind === 'container') return remote;
  await new LayerFetcher(io).fetch(remote.layers, repository);
  const id = await keepImage(remote, io.store);
  await nameImage(name, remote.digest, id, io.store);
  return { kind: 'machine', digest: remote.digest, id, config: remote.config, isNew: true };
}

/** @returns the image's id: that of its description, so the same as where it was pushed */
function keepImage({ config }: RemoteMachine, store: Store): Promise<Digest> {
  return store.putImage(config);
}

async function nameImage(name: string, digest: Digest, id: Digest, store: Store): Promise<void> {
  const reference = parseReference(name);
  await store.tag(formatReference(pinned(reference, digest)), id);
  if (reference.digest === undefined) await store.tag(name, id);
}

/** The image that was pulled under this digest before, if it is whole and for this platform. */
async function findPulled(pull: ImageToPull, io: TransferIo): Promise<PulledMachine | undefined> {
  const { repository, reference, name, platform } = pull;
  const { store, signal } = io;
  const digest = (await repository.resolve(reference, { signal }))?.digest;
  if (digest === undefined) return undefined;
  const image = await store.findImage(formatReference(pinned(parseReference(name), digest)));
  if (image === undefined) return undefined;
  const { id, config } = image;
  // The one that is wanted most: the index may have it too.
  const [wanted] = platformsOf(platform);
  if (config.os !== wanted.os || config.architecture !== wanted.architecture) return undefined;
  if (!(await isWhole(config, store))) return undefined;
  await nameImage(name, digest, id, store);
  return { kind: 'machine', digest, id, config, isNew: false };
}

async function isWhole({ layers }: ImageConfig, store: Store): Promise<boolean> {
  try {
    for (const id of layers) if ((await store.layer(id)) === undefined) return false;
    return true;
  } catch {
    return false;
  }
}
