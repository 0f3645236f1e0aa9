/** Brings the images of an archive or a folder into the store, under the names they have there. */
import { HyperfileError } from '../base/error.ts';
import type { WantedPlatform } from '../oci/platform-choice.ts';
import type { Digest } from '../oci/digest.ts';
import { formatReference, normalizeName, parseReference } from '../oci/reference.ts';
import type { Repository } from '../oci/repository.ts';
import type { TransferIo } from './io.ts';
import { pullImage, type PulledContainer } from './pull-image.ts';

export interface ImagesToLoad {
  readonly source: Repository;
  /** Only this one of them: a tag or a digest there. */
  readonly reference?: string;
  /** What to call it here; of several images, the repository to which their tags belong. */
  readonly name?: string;
  readonly platform: WantedPlatform;
  /** Makes a base of a container image and returns its id in the store. Without it they are refused. */
  readonly onContainer?: (image: PulledContainer, name: string) => Promise<Digest>;
}

export interface LoadedImage {
  /** With its tag. */
  readonly name: string;
  /** In the store. */
  readonly id: Digest;
}

/**
 * Loads images; each is named only when all of it is in the store.
 *
 * @throws HyperfileError TRANSFER_NOTHING_NAMED, TRANSFER_CONTAINER_IMAGE, and as {@link pullImage}
 */
export async function loadImages(load: ImagesToLoad, io: TransferIo): Promise<LoadedImage[]> {
  const { source, platform } = load;
  const loaded: LoadedImage[] = [];
  for (const { reference, name } of await whatToLoad(load, io)) {
    const pull = { repository: source, reference, name, platform, action: 'load' } as const;
    const pulled = await pullImage(pull, io);
    if (pulled.kind === 'machine') loaded.push({ name, id: pulled.id });
    else loaded.push({ name, id: await takeContainer(pulled, name, load) });
  }
  return loaded;
}

function takeContainer(image: PulledContainer, name: string, { onContainer }: ImagesToLoad): Promise<Digest> {
  if (onContainer === undefined) throw new HyperfileError('TRANSFER_CONTAINER_IMAGE', { data: { name } });
  return onContainer(image, name);
}

async function whatToLoad(
  { source, reference, name }: ImagesToLoad,
  { signal }: TransferIo,
): Promise<{ reference: string; name: string }[]> {
  if (reference !== undefined) return [{ reference, name: nameFor(reference, name, source) }];
  const tags: string[] = [];
  for await (const tag of source.tags({ signal })) tags.push(tag);
  if (tags.length === 0) throw new HyperfileError('TRANSFER_NOTHING_NAMED', { data: { name: source.name } });
  return tags.map((tag) => ({ reference: tag, name: nameFor(tag, name, source) }));
}

/**
 * The name for a tag of an archive: a whole name is one already; `1.2` alone needs to be told of what.
 *
 * @throws HyperfileError TRANSFER_NOTHING_NAMED, STORE_NAME_INVALID
 */
function nameFor(tag: string, given: string | undefined, source: Repository): string {
  const isWhole = /[/:]/.test(tag);
  if (given === undefined) {
    if (!isWhole) throw new HyperfileError('TRANSFER_NOTHING_NAMED', { data: { name: source.name } });
    return normalizeName(tag);
  }
  const reference = parseReference(given);
  if (reference.tag !== undefined || isWhole) return normalizeName(given);
  return formatReference({ ...reference, tag });
}
