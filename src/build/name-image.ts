/** Puts what a build ended with into the store as an image, under the names it was asked for. */
import type { HistoryEntry, ImageConfig } from '../oci/image.ts';
import { hostPlatform } from '../plan/platform.ts';
import type { Store } from '../store/store.ts';
import type { BuiltImage } from './events.ts';

export type ImageContent = Pick<
  ImageConfig,
  'created' | 'os' | 'config' | 'disk' | 'kind' | 'layers' | 'history' | 'key'
> &
  Partial<Pick<ImageConfig, 'architecture'>>;

/** What the image says of itself, wherever it goes. */
export function describeImage(content: ImageContent): ImageConfig {
  const { created, os, architecture, config, disk, kind, layers, history, key } = content;
  return {
    schema: 1,
    created,
    os,
    architecture: architecture ?? hostPlatform().architecture,
    config,
    disk,
    ...(kind && { kind }),
    layers,
    history: relink(history, layers),
    key,
  };
}

export async function nameImage(
  content: ImageContent,
  names: readonly string[],
  store: Store,
): Promise<BuiltImage> {
  const { layers } = content;
  const id = await store.putImage(describeImage(content));
  const tags: string[] = [];
  for (const name of names) tags.push(await store.tag(name, id));
  const records = await Promise.all(layers.map((layer) => store.layer(layer)));
  const sizes = records.flatMap((record) =>
    record ? [{ id: record.id, allocatedBytes: record.allocatedBytes }] : [],
  );
  return { id, names: tags, layers: sizes };
}

/**
 * A step found in a cache brings a chain of its own, whose lower layers another machine may have made too: every entry
 * gets the layer that stands in its place.
 */
function relink(history: readonly HistoryEntry[], layers: readonly string[]): HistoryEntry[] {
  const rest = layers.toReversed();
  const made = history.filter(({ layer }) => layer !== undefined);
  if (made.length !== rest.length) return [...history];
  return history.map((entry) => (entry.layer === undefined ? entry : { ...entry, layer: rest.shift()! }));
}
