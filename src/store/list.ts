/** Images and their names together: listing them, and removing either. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { listImageIds, readImage, resolveImageId, type StoredImage } from './images.ts';
import { inspectLayer } from './layers.ts';
import { imageFile, type Layout } from './layout.ts';
import { listNames, removeName, repositoryOf } from './names.ts';
import { removeIfThere } from './read.ts';

export interface ListedImage extends StoredImage {
  /** With their tags, sorted. */
  readonly names: readonly string[];
  /** What its layers occupy on the host's disk; shared ones count in each image. */
  readonly allocatedBytes: number;
}

export interface RemovedImage {
  /** Names that are gone. */
  readonly untagged: readonly string[];
  /** The image's id, if the image itself is gone. */
  readonly deleted?: Digest;
}

/** All images that can be read, the newest first. */
export function listImages(layout: Layout): ListedImage[] {
  const names = Map.groupBy(listNames(layout).names, ({ id }) => id);
  const layerBytes = new Map<string, number>();
  const bytesOf = (id: string): number => {
    const state = layerBytes.has(id) ? undefined : inspectLayer(layout, id);
    if (state !== undefined) layerBytes.set(id, 'record' in state ? state.record.allocatedBytes : 0);
    return layerBytes.get(id) ?? 0;
  };
  return listImageIds(layout)
    .map((id) => readWhole(layout, id))
    .filter((image) => image !== undefined)
    .map((image) => ({
      ...image,
      names: (names.get(image.id) ?? []).map(({ name }) => name),
      allocatedBytes: image.config.layers.reduce((sum, id) => sum + bytesOf(id), 0),
    }))
    .sort((left, right) => right.config.created.localeCompare(left.config.created));
}

/** Removes a name or an image, as `docker rmi` does. The caller holds the names lock. */
export function removeImage(layout: Layout, nameOrId: string, force: boolean): RemovedImage {
  const target = resolveImageId(layout, nameOrId);
  if (target === undefined) throw new HyperfileError('STORE_IMAGE_NOT_FOUND', { data: { name: nameOrId } });
  const names = listNames(layout)
    .names.filter(({ id }) => id === target.id)
    .map(({ name }) => name);
  const going = target.name === undefined ? names : withLoneDigests(target.name, names);
  if (target.name === undefined && going.filter(isTag).length > 1 && !force) {
    throw new HyperfileError('STORE_IMAGE_IN_USE', { data: { name: nameOrId, names: going } });
  }
  for (const name of going) removeName(layout, name);
  if (going.length < names.length) return { untagged: going };
  const deleted = removeIfThere(imageFile(layout, digestHex(target.id)));
  return { untagged: going, ...(deleted && { deleted: target.id }) };
}

/** The last tag of a repository takes the digests with it, as in {@link dropLoneDigests}. */
function withLoneDigests(name: string, names: readonly string[]): string[] {
  const repository = repositoryOf(name);
  const others = names.filter((other) => other !== name && repositoryOf(other) === repository);
  return others.some(isTag) ? [name] : [name, ...others];
}

function isTag(name: string): boolean {
  return !name.includes('@');
}

function readWhole(layout: Layout, id: Digest): StoredImage | undefined {
  try {
    return readImage(layout, id);
  } catch (error) {
    if (isHyperfileError(error, 'STORE_IMAGE_DAMAGED')) return undefined;
    throw error;
  }
}
