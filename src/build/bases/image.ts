/** FROM an image of the store. */
import { HyperfileError } from '../../base/error.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** @throws HyperfileError BUILD_NO_IMAGE */
export async function imageBase(name: string, workshop: Workshop): Promise<Base> {
  const image = await workshop.store.findImage(name);
  if (!image) throw new HyperfileError('BUILD_NO_IMAGE', { data: { name } });
  const { layers, disk, config, key, history, created } = image.config;
  return { layers, disk, config, key, history, created, cached: true };
}
