/** FROM an image of a registry. */
import { parseLocation, referenceOf } from '../../oci/location.ts';
import type { Platform } from '../../plan/platform.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { locatedBase } from './located-image.ts';

/** @throws HyperfileError of the registry, of what it sent, and INTERRUPTED */
export async function registryBase(
  name: string,
  workshop: Workshop,
  step: StepId,
  platform?: Platform,
): Promise<Base> {
  const location = parseLocation(name);
  const place = { location, name, references: [referenceOf(location)] };
  const base = await locatedBase(place, workshop, step, platform);
  // One for another platform goes on having the name.
  if (platform === undefined || !(await workshop.store.findImage(name))) workshop.keepName(name, base);
  return base;
}
