/** FROM an image of a registry: one of ours, whose layers stay there until they are needed, or a container image. */
import { parseLocation, referenceOf } from '../../oci/location.ts';
import { hostPlatform } from '../../plan/platform.ts';
import { openRepository } from '../../transfer/open-repository.ts';
import { notFound, readRemoteImage } from '../../transfer/remote-image.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** @throws HyperfileError of the registry, of what it sent, and INTERRUPTED */
export async function registryBase(name: string, workshop: Workshop, step: StepId): Promise<Base> {
  const location = parseLocation(name);
  const repository = workshop.keepOpen(
    await openRepository(location, {
      env: process.env,
      signal: workshop.signal,
      ...(workshop.options.insecure && { insecure: true }),
    }),
  );
  const image = await readRemoteImage(repository, referenceOf(location), hostPlatform(), {
    signal: workshop.signal,
  });
  if (!image) throw notFound(repository, referenceOf(location));
  if (image.kind === 'container') {
    const { containerBase } = await import('./container.ts');
    const base = await containerBase({ ...image, repository, name }, workshop, step);
    workshop.keepName(name, base);
    return base;
  }
  workshop.distant.learn(image.layers, repository);
  const { layers, disk, kind, config, key, history, created } = image.config;
  const origin = 'registry';
  const base: Base = {
    ...{ layers, disk, config, key, history, created, cached: true, origin },
    ...(kind && { kind }),
  };
  workshop.keepName(name, base);
  return base;
}
