/** FROM an image whose place is named: a folder or an archive of the context, or a registry. */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { HyperfileError } from '../../base/error.ts';
import type { PlacedBase } from '../../language/base-reference.ts';
import { parseLocation, referenceOf, type FileLocation } from '../../oci/location.ts';
import { DEFAULT_TAG } from '../../oci/reference.ts';
import type { Platform } from '../../plan/platform.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** @throws HyperfileError OCI_LOCATION_INVALID, BUILD_BASE_MISSING, and what is wrong with the place or the image */
export async function placedBase(
  { transport, place }: PlacedBase,
  workshop: Workshop,
  step: StepId,
  platform?: Platform,
): Promise<Base> {
  if (transport === 'docker') {
    const { registryBase } = await import('./registry-image.ts');
    return registryBase(place, workshop, step, platform);
  }
  const atContext = (file: string): Promise<string> => existing(workshop.options.contextPath, file);
  if (transport === 'archive') {
    const { archiveBase } = await import('./archive-file.ts');
    return archiveBase(await atContext(place), [DEFAULT_TAG], workshop, step, platform);
  }
  const name = `${transport}:${place}`;
  const written = parseLocation(name) as FileLocation;
  const location = { ...written, path: await atContext(written.path) };
  const { locatedBase } = await import('./located-image.ts');
  return locatedBase({ location, name, references: [referenceOf(location)] }, workshop, step, platform);
}

async function existing(folder: string, file: string): Promise<string> {
  const found = path.resolve(folder, file);
  if (await stat(found).catch(() => undefined)) return found;
  throw new HyperfileError('BUILD_BASE_MISSING', { data: { path: found } });
}
