/** Looks a whole store over: what is damaged, and what names something that is not there. */
import { HyperfileError } from '../base/error.ts';
import { findDamagedForm } from './forms.ts';
import { listImageIds, readImage } from './images.ts';
import { requireLayer } from './layers.ts';
import type { Layout } from './layout.ts';
import { listNames } from './names.ts';

/** One error for each image, name or layer of an image that is not as it should be. Reads no disk's contents. */
export function findDamage(layout: Layout): HyperfileError[] {
  const errors: HyperfileError[] = [];
  const layers = new Set<string>();
  const ids = listImageIds(layout);
  for (const id of ids)
    collect(errors, () => readImage(layout, id)?.config.layers.forEach((layer) => layers.add(layer)));
  for (const layer of layers) {
    collect(errors, () => {
      const { fileBytes } = requireLayer(layout, layer);
      const damage = findDamagedForm(layout, layer, fileBytes);
      if (damage !== undefined) throw damage;
    });
  }
  const there = new Set(ids);
  for (const { name, id } of listNames(layout).names) {
    if (!there.has(id)) errors.push(new HyperfileError('STORE_IMAGE_NOT_FOUND', { data: { name } }));
  }
  return errors;
}

function collect(errors: HyperfileError[], look: () => void): void {
  try {
    look();
  } catch (error) {
    if (!(error instanceof HyperfileError)) throw error;
    errors.push(error);
  }
}
