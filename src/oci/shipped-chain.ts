/** A chain of layers in the config of an artifact: base first, each with the number of its blobs in the manifest. */
import type { Descriptor } from './descriptor.ts';
import type { Fields, Refuse } from './fields.ts';
import { layerId, MAX_CHAIN_LAYERS } from './image-schema.ts';
import { layerDescriptors, layerForm, readExtents, type LayerFacts } from './layer-descriptors.ts';
import type { ShippedLayer } from './layer-form.ts';

/** The config's list for layers that come leaf first. */
export function encodeChain(layers: readonly ShippedLayer[]): object[] {
  return layers.toReversed().map(({ id, parent, key, form }) => ({
    id,
    parent,
    key,
    digest: form.digest,
    size: form.sizeBytes,
    blobs: form.blobs.length,
    headExtents: form.headExtents?.map(({ fileOffset, length }) => [fileOffset, length]),
  }));
}

/** The manifest's list for layers that come leaf first. */
export function chainDescriptors(layers: readonly ShippedLayer[]): Descriptor[] {
  return layers.toReversed().flatMap(({ form }) => layerDescriptors(form));
}

/**
 * The layers, leaf first. Each stands on the one before it, no two have the same id, and every descriptor of the
 * manifest is a blob of one of them.
 */
export function decodeChain(
  config: Fields,
  descriptors: readonly Descriptor[],
  refuse: Refuse,
): ShippedLayer[] {
  const chain: ShippedLayer[] = [];
  let taken = 0;
  for (const fields of config.objects('layers', MAX_CHAIN_LAYERS)) {
    const count = fields.count('blobs');
    const blobs = descriptors.slice(taken, taken + count);
    if (count === 0 || blobs.length < count) throw fields.error('blobs', 'the number of blobs it has');
    taken += count;
    chain.push(decodeLayer(fields, blobs, chain.at(-1)?.id, refuse));
  }
  if (taken !== descriptors.length) throw refuse('its manifest has blobs that belong to no layer');
  if (new Set(chain.map(({ id }) => id)).size !== chain.length) throw refuse('a layer is in its chain twice');
  return chain.reverse();
}

function decodeLayer(
  fields: Fields,
  blobs: readonly Descriptor[],
  below: string | undefined,
  refuse: Refuse,
): ShippedLayer {
  const parent = fields.has('parent') ? layerId(fields, 'parent') : undefined;
  if (parent !== below) throw fields.error('parent', below ?? 'absent, as it is the base');
  const key = fields.optionalText('key');
  const facts: LayerFacts = {
    digest: fields.digest('digest'),
    sizeBytes: fields.count('size'),
    ...(fields.has('headExtents') && { headExtents: readExtents(fields, 'headExtents') }),
  };
  return {
    id: layerId(fields, 'id'),
    ...(parent !== undefined && { parent }),
    ...(key !== undefined && { key }),
    form: layerForm(facts, blobs, refuse),
  };
}
