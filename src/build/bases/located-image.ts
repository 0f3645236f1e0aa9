/** An image somewhere else than in the store: one of ours, whose layers stay there until they are needed, or a container's. */
import type { Location } from '../../oci/location.ts';
import { guestPlatforms, type Platform } from '../../plan/platform.ts';
import { openRepository } from '../../transfer/open-repository.ts';
import { notFound, readRemoteImage } from '../../transfer/remote-image.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { imageAsBase } from './image-as-base.ts';

export interface ImagePlace {
  readonly location: Location;
  /** What people call the image. */
  readonly name: string;
  /** Tags or digests; the first that is there counts. */
  readonly references: readonly string[];
}

/** @throws HyperfileError of the place, TRANSFER_IMAGE_NOT_FOUND, of what is wrong with the image, and INTERRUPTED */
export async function locatedBase(
  { location, name, references }: ImagePlace,
  workshop: Workshop,
  step: StepId,
  platform: Platform | undefined = workshop.options.platform,
): Promise<Base> {
  const { options, signal } = workshop;
  const insecure = options.insecure && { insecure: true };
  const repository = workshop.keepOpen(
    await openRepository(location, { env: process.env, signal, ...insecure }),
  );
  for (const reference of references) {
    const image = await readRemoteImage(repository, reference, platform ?? guestPlatforms(), { signal });
    if (image?.kind === 'container') {
      const { containerBase } = await import('./container.ts');
      return containerBase({ ...image, repository, name }, workshop, step);
    }
    if (!image) continue;
    workshop.distant.learn(image.layers, repository);
    const base = imageAsBase(name, image.config, workshop);
    return { ...base, origin: location.kind };
  }
  throw notFound(repository, references[0] ?? '');
}
