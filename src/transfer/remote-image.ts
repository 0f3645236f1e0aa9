/** What stands behind a tag or a digest somewhere: an image of ours or of a container, nothing of its layers moved. */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { decodeImage, MAX_CONFIG_BYTES } from '../oci/image-artifact.ts';
import type { ImageConfig } from '../oci/image.ts';
import type { ShippedLayer } from '../oci/layer-form.ts';
import { isIndex, parseManifest, type ImageManifest } from '../oci/manifest.ts';
import { DOCKER_CONFIG, IMAGE_CONFIG, IMAGE_TYPE, OCI_CONFIG } from '../oci/media-types.ts';
import { choosePlatform, type WantedPlatform } from '../oci/platform-choice.ts';
import type { Repository, RepositoryOptions } from '../oci/repository.ts';
import { readSmallBlob } from '../oci/verified-blob.ts';

interface RemoteManifest {
  /** Of the manifest of this very image, whatever index led to it. */
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** What the tag or digest stands for: the manifest, or an index that lists it. */
  readonly digest: Digest;
}

export interface RemoteMachine extends RemoteManifest {
  readonly kind: 'machine';
  readonly config: ImageConfig;
  /** Leaf first. */
  readonly layers: readonly ShippedLayer[];
}

/** An image of a container; its config was not read. */
export interface RemoteContainer extends RemoteManifest {
  readonly kind: 'container';
}

/** Indexes that list indexes: one more than anybody makes. */
const MAX_INDEX_DEPTH = 2;

/**
 * Reads an image's description; of an index, that of the image for the platform. Undefined when there is nothing of that
 * name.
 *
 * @throws HyperfileError TRANSFER_NOT_AN_IMAGE, OCI_IMAGE_INVALID, OCI_MANIFEST_INVALID and the like, and those of the
 *   repository
 */
export async function readRemoteImage(
  repository: Repository,
  reference: string,
  platform: WantedPlatform,
  options: RepositoryOptions = {},
): Promise<RemoteMachine | RemoteContainer | undefined> {
  const found = await findManifest(repository, reference, platform, options);
  if (found === undefined) return undefined;
  const { manifest } = found;
  const name = nameOf(repository, reference);
  if (manifest.artifactType === IMAGE_TYPE || manifest.config.mediaType === IMAGE_CONFIG) {
    const bytes = await readSmallBlob(repository, manifest.config, MAX_CONFIG_BYTES, options);
    return { kind: 'machine', ...found, ...decodeImage(manifest, bytes, name) };
  }
  const isContainer = [OCI_CONFIG, DOCKER_CONFIG].includes(manifest.config.mediaType);
  if (isContainer && manifest.artifactType === undefined) return { kind: 'container', ...found };
  const kind = `of type ${manifest.artifactType ?? manifest.config.mediaType}`;
  throw new HyperfileError('TRANSFER_NOT_AN_IMAGE', { data: { name, kind } });
}

async function findManifest(
  repository: Repository,
  reference: string,
  platform: WantedPlatform,
  options: RepositoryOptions,
): Promise<RemoteManifest | undefined> {
  const name = nameOf(repository, reference);
  let found = await repository.manifest(reference, options);
  const digest = found?.descriptor.digest;
  for (let depth = 0; found !== undefined && digest !== undefined; depth++) {
    const manifest = parseManifest(found.bytes, name);
    if (!isIndex(manifest)) return { manifest, descriptor: found.descriptor, digest };
    if (depth === MAX_INDEX_DEPTH) {
      const kind = 'an index of indexes of indexes';
      throw new HyperfileError('TRANSFER_NOT_AN_IMAGE', { data: { name, kind } });
    }
    const chosen = choosePlatform(manifest, platform, name);
    found = await repository.manifest(chosen.digest, options);
    if (found === undefined) throw notFound(repository, chosen.digest);
  }
  return undefined;
}

/** TRANSFER_IMAGE_NOT_FOUND */
export function notFound({ name }: Repository, reference: string): HyperfileError {
  return new HyperfileError('TRANSFER_IMAGE_NOT_FOUND', { data: { name, reference } });
}

/** What errors call an image: `host/team/web:1.2`, `host/team/web@sha256:...`. */
export function nameOf({ name }: Repository, reference: string): string {
  return `${name}${reference.includes(':') ? '@' : ':'}${reference}`;
}
