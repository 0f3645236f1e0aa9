/** What becomes of a built chain: an image of the store, tags in registries, or both. */
import { HyperfileError } from '../base/error.ts';
import type { BuiltImage, PushedImage } from './events.ts';
import { describeImage, nameImage, type ImageContent } from './name-image.ts';
import type { Workshop } from './workshop.ts';

export interface Finished {
  readonly image: BuiltImage;
  readonly pushed?: readonly PushedImage[];
}

/**
 * Without `--push` the image comes into the store with all its layers. With it, layers that are somewhere else stay
 * there unless `--load` asks for them too.
 *
 * @throws LostHit, and HyperfileError of the registry, the store and INTERRUPTED
 */
export async function finish(content: ImageContent, workshop: Workshop): Promise<Finished> {
  const { options, signal, store, distant } = workshop;
  await workshop.offered();
  const isOnlyPushed = options.push === true && options.load !== true;
  if (!isOnlyPushed) await distant.bring(content.layers);
  // Whoever stopped the build during its last moments does not expect its name to move.
  if (signal.aborted) throw new HyperfileError('INTERRUPTED');
  for (const { name, content: found } of await workshop.broughtImages())
    await nameImage(found, [name], store);
  const isHere = (await distant.missing(content.layers)).length === 0;
  const image = isHere
    ? await nameImage(content, options.tags, store)
    : await describeElsewhere(content, workshop);
  if (!options.push) return { image };
  const { pushBuilt } = await import('./push-built.ts');
  return { image, pushed: await pushBuilt(describeImage(content), workshop) };
}

/** The image as it would be here: it has an id, and no name in the store. */
async function describeElsewhere(content: ImageContent, workshop: Workshop): Promise<BuiltImage> {
  const { digestOfJson } = await import('../oci/digest.ts');
  const layers = await Promise.all(content.layers.map((id) => workshop.layerSize(id)));
  return { id: digestOfJson(describeImage(content)), names: [], layers, isElsewhere: true };
}
