/** FROM an image of a registry. */
import { parseLocation, referenceOf } from '../../oci/location.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { locatedBase } from './located-image.ts';

/** @throws HyperfileError of the registry, of what it sent, and INTERRUPTED */
export async function registryBase(name: string, workshop: Workshop, step: StepId): Promise<Base> {
  const location = parseLocation(name);
  const base = await locatedBase({ location, name, references: [referenceOf(location)] }, workshop, step);
  workshop.keepName(name, base);
  return base;
}
