/** An empty disk with a root file system: what `FROM scratch` and every bootstrapped base stand on. */
import { newDiskLayout } from '../../gpt/new-disk-layout.ts';
import type { DiskDescription, HistoryEntry } from '../../oci/image.ts';
import { EMPTY_CONFIG } from '../../plan/guest-config.ts';
import { baseKey, type CacheKey } from '../../plan/key.ts';
import type { Cached, Found, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** The disk that {@link scratchBase} makes, and its key. What stands on it may be found without it. */
export function emptyDisk({ options }: Workshop): CacheKey & { readonly disk: DiskDescription } {
  const sizeBytes = options.diskSizeBytes;
  const { root } = newDiskLayout(sizeBytes);
  const disk = { sizeBytes, rootOffset: root.offset, rootLength: root.length, rootType: root.type };
  return { disk, ...baseKey({ kind: 'scratch', ...disk }) };
}

/** Made once for each size; later builds find it in the cache. */
export function scratchBase(workshop: Workshop): Promise<Base> {
  const { disk, ...key } = emptyDisk(workshop);
  return workshop.shared(key.key, () => findOrMake(workshop, disk, key));
}

/** The first entry of a base that was put onto an empty disk: the same wherever the base was found. */
export function scratchEntry({ created, layers }: Found): HistoryEntry {
  const layer = layers.at(-1);
  return { created, createdBy: 'FROM scratch', ...(layer !== undefined && { layer }) };
}

async function findOrMake(
  workshop: Workshop,
  disk: DiskDescription,
  { key, inputs }: CacheKey,
): Promise<Base> {
  const { store, signal } = workshop;
  const found = await workshop.find(key);
  if (found) return asBase({ ...found, cached: true }, disk, key);
  const { id, path } = store.newLayer();
  const driver = await workshop.driver();
  await driver.create({ path, sizeBytes: disk.sizeBytes, signal });
  const created = new Date().toISOString();
  workshop.recordLayer({ layer: id, parent: undefined, key, inputs, created });
  return asBase({ layers: [id], created, cached: false }, disk, key);
}

function asBase(made: Found & Cached, disk: DiskDescription, key: string): Base {
  return { ...made, os: 'linux', disk, key, config: EMPTY_CONFIG, history: [scratchEntry(made)] };
}
