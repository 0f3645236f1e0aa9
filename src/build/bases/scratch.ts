/** An empty disk with a root file system: what `FROM scratch` and every bootstrapped base stand on. */
import { newDiskLayout } from '../../gpt/new-disk.ts';
import { EMPTY_CONFIG } from '../../plan/guest-config.ts';
import { baseKey } from '../../plan/key.ts';
import type { SealedStep, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** Made once for each size; later builds find it in the cache. */
export async function scratchBase(workshop: Workshop): Promise<Base> {
  const { store, inFlight, options } = workshop;
  const sizeBytes = options.diskSizeBytes;
  const { root } = newDiskLayout(sizeBytes);
  const disk = { sizeBytes, rootOffset: root.offset, rootLength: root.length, rootType: root.type };
  const { key, inputs } = baseKey({ kind: 'scratch', ...disk });
  const common = { disk, key, config: EMPTY_CONFIG, history: [] };
  const making = await inFlight.get(key)?.catch(() => undefined);
  if (making) return { ...common, layers: [making.layer], created: making.created, cached: true };
  const known = await store.cacheGet(key);
  if (known?.layer) return { ...common, layers: [known.layer], created: known.created, cached: true };
  const sealed = make(workshop, sizeBytes);
  inFlight.set(key, sealed);
  sealed.catch(() => inFlight.delete(key));
  const { layer, created } = await sealed;
  workshop.recordLayer({ layer, parent: undefined, key, inputs, created });
  return { ...common, layers: [layer], created, cached: false };
}

async function make(workshop: Workshop, sizeBytes: number): Promise<SealedStep> {
  const { id, path } = workshop.store.newLayer();
  const driver = await workshop.driver();
  await driver.create({ path, sizeBytes, signal: workshop.signal });
  return { layer: id, created: new Date().toISOString() };
}
