/** `build --push`: the built image under its tags, sent from wherever its layers are. */
import { isHyperfileError } from '../base/error.ts';
import type { ImageConfig } from '../oci/image.ts';
import { parseLocation, referenceOf } from '../oci/location.ts';
import { openRepository } from '../transfer/open-repository.ts';
import { pushImage } from '../transfer/push-image.ts';
import { LostHit } from './distant-layers.ts';
import type { PushedImage } from './events.ts';
import type { Workshop } from './workshop.ts';

/** What is wrong with where a layer comes from, not with where it goes. */
const SOURCE_FAULTS = ['OCI_BLOB_MISSING', 'OCI_DIGEST_MISMATCH', 'OCI_SIZE_MISMATCH'] as const;

/** @throws LostHit when a cache does not have what it promised; HyperfileError of the registry, INTERRUPTED */
export async function pushBuilt(config: ImageConfig, workshop: Workshop): Promise<PushedImage[]> {
  const pushed: PushedImage[] = [];
  for (const tag of workshop.options.tags) {
    try {
      pushed.push(await pushTo(tag, config, workshop));
    } catch (error) {
      if (!isHyperfileError(error, ...SOURCE_FAULTS)) throw error;
      const missing = await workshop.distant.missing(config.layers);
      const hit = missing.find((layer) => layer.hit)?.hit;
      throw hit ? new LostHit(hit, error) : error;
    }
  }
  return pushed;
}

async function pushTo(tag: string, config: ImageConfig, workshop: Workshop): Promise<PushedImage> {
  const { options, distant, signal, store, onEvent } = workshop;
  const location = parseLocation(tag);
  const target = await openRepository(location, {
    env: process.env,
    signal,
    ...(options.insecure && { insecure: true }),
  });
  try {
    const digest = await pushImage(
      { image: { config }, target, tag: referenceOf(location), elsewhere: (id) => distant.find(id) },
      { store, signal, onEvent: (event) => onEvent({ type: 'transfer', event }) },
    );
    return { name: `${target.name}:${referenceOf(location)}`, digest };
  } finally {
    await target.close();
  }
}
