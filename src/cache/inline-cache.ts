/**
 * The image itself as a cache: its config names the key of every layer, so whoever builds on from a pushed image finds
 * its steps without any record.
 */
import type { Descriptor } from '../oci/descriptor.ts';
import { decodeImage, MAX_CONFIG_BYTES } from '../oci/image-artifact.ts';
import { isIndex, parseManifest } from '../oci/manifest.ts';
import { IMAGE_TYPE } from '../oci/media-types.ts';
import type { RepositoryOptions } from '../oci/repository.ts';
import { readSmallBlob } from '../oci/verified-blob.ts';
import type { CachePlace } from './place.ts';
import { isStepKey } from './record-name.ts';
import type { RemoteHit } from './remote-cache.ts';

/** An index may name an image for each architecture and guest; more than this are not looked at. */
const MAX_IMAGES = 16;

/**
 * All keys that the image of the cache's own tag carries; none when there is no such image, or one of another kind.
 *
 * @throws HyperfileError OCI_* for an image that cannot be read; whatever the place throws when it fails
 */
export async function readInlineKeys(
  place: CachePlace,
  options: RepositoryOptions,
): Promise<ReadonlyMap<string, RemoteHit>> {
  const found = new Map<string, RemoteHit>();
  if (place.imageTag !== undefined) await readImage(place, place.imageTag, options, found);
  return found;
}

async function readImage(
  place: CachePlace,
  reference: string,
  options: RepositoryOptions,
  found: Map<string, RemoteHit>,
  isInIndex = false,
): Promise<void> {
  const { repository } = place;
  const fetched = await repository.manifest(reference, options);
  if (fetched === undefined) return;
  const name = `${repository.name}:${reference}`;
  const manifest = parseManifest(fetched.bytes, name);
  if (isIndex(manifest)) {
    const images = isInIndex ? [] : manifest.manifests.filter(isOurs).slice(0, MAX_IMAGES);
    for (const { digest } of images) await readImage(place, digest, options, found, true);
    return;
  }
  if (manifest.artifactType !== IMAGE_TYPE) return;
  const bytes = await readSmallBlob(repository, manifest.config, MAX_CONFIG_BYTES, options);
  const { config, layers } = decodeImage(manifest, bytes, name);
  const created = new Map(config.history.map((entry) => [entry.layer ?? '', entry.created]));
  const add = (key: string | undefined, depth: number): void => {
    if (key === undefined || !isStepKey(key) || found.has(key)) return;
    const { origin } = place;
    found.set(key, {
      key,
      inputs: undefined,
      created: created.get(layers[depth]?.id ?? '') ?? config.created,
      layers: layers.slice(depth),
      from: repository,
      origin,
    });
  };
  add(config.key, 0);
  for (const [depth, layer] of layers.entries()) add(layer.key, depth);
}

/** Builders that know nothing of us leave the type out of an index's entries. */
function isOurs({ artifactType }: Descriptor): boolean {
  return artifactType === undefined || artifactType === IMAGE_TYPE;
}
