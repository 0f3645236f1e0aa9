/**
 * Layers from elsewhere. They keep the id they had there, because their children name them by it; so two processes may
 * bring the same one. Each writes a file of its own, and the first to finish decides.
 */
import { statSync } from 'node:fs';
import { diskFullAt, replaceFileDurably, syncFile, unfinishedName } from '../base/atomic-file.ts';
import { withLock, type LockOptions } from '../base/lock.ts';
import { renameOver } from '../base/patience.ts';
import type { LayerRecord } from '../oci/image.ts';
import { inspectLayer, recordOf, type NewLayer } from './layers.ts';
import { layerFile, layerRecordFile, type Layout } from './layout.ts';
import { accessError } from './read.ts';

/** A place for a layer that comes from elsewhere. */
export interface AdoptedLayer {
  readonly id: string;
  /** Beside the layers, so that its parent is where its locator says. */
  readonly path: string;
}

export function placeToAdopt(layout: Layout, id: string): AdoptedLayer {
  return { id, path: unfinishedName(layerFile(layout, id)) };
}

/**
 * Makes the file durable and the layer one of the store's. False when another process was faster: then its file stays,
 * and the caller's is still where it was.
 *
 * The record comes before the file here. Whoever tidies up after a killed process takes files that have no record, and
 * must never see this one between the two.
 *
 * @throws HyperfileError DISK_FULL, STORE_ACCESS, INTERRUPTED
 */
export async function sealAdopted(
  layout: Layout,
  place: AdoptedLayer,
  layer: NewLayer,
  options: LockOptions,
): Promise<LayerRecord | undefined> {
  const file = layerFile(layout, layer.id);
  try {
    await syncFile(place.path);
    return await withLock(layout.adoptLock, options, async () => {
      if ('record' in inspectLayer(layout, layer.id)) return undefined;
      const record = recordOf(layer, statSync(place.path));
      await replaceFileDurably(layerRecordFile(layout, layer.id), JSON.stringify(record));
      renameOver(place.path, file);
      return record;
    });
  } catch (error) {
    throw accessError(file, diskFullAt(file, error));
  }
}
