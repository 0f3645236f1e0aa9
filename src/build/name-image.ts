/** Puts what a build ended with into the store as an image, under the names it was asked for. */
import type { ImageConfig } from '../oci/image.ts';
import { hostPlatform } from '../plan/platform.ts';
import type { Store } from '../store/store.ts';
import type { BuiltImage } from './events.ts';

type ImageContent = Pick<ImageConfig, 'created' | 'config' | 'disk' | 'layers' | 'history' | 'key'>;

export async function nameImage(
  content: ImageContent,
  names: readonly string[],
  store: Store,
): Promise<BuiltImage> {
  const { created, config, disk, layers, history, key } = content;
  const platform = hostPlatform();
  const id = await store.putImage({ schema: 1, created, ...platform, config, disk, layers, history, key });
  const tags: string[] = [];
  for (const name of names) tags.push(await store.tag(name, id));
  const records = await Promise.all(layers.map((layer) => store.layer(layer)));
  const sizes = records.flatMap((record) =>
    record ? [{ id: record.id, allocatedBytes: record.allocatedBytes }] : [],
  );
  return { id, names: tags, layers: sizes };
}
