/** Applies the layers of a container image in order. */
import type { GuestFiles } from '../../fs/guest-files.ts';
import type { Repository } from '../../oci/repository.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import { unpackLayer, type ContainerLayer } from './container-layer.ts';
import { LayerBlobs } from './layer-blobs.ts';

export interface LayerTarget {
  readonly files: GuestFiles;
  readonly diskBytes: number;
  /** Where the blobs are. */
  readonly repository: Repository;
}

/** @throws HyperfileError as `unpackLayer`, and of the repository */
export async function unpackLayers(
  layers: readonly ContainerLayer[],
  { files, diskBytes, repository }: LayerTarget,
  workshop: Workshop,
  step: StepId,
): Promise<void> {
  const { store, signal, onEvent } = workshop;
  const tell = workshop.progress(step, 'unpacking layers');
  const total = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  let done = 0;
  const onBytes = (count: number): void => tell({ done: (done += count), total, unit: 'bytes' });
  const io = { store, signal, onEvent: (event: TransferEvent) => onEvent({ type: 'transfer', event }) };
  const blobs = new LayerBlobs(layers, repository, io);
  try {
    for (const layer of layers)
      await unpackLayer(layer, blobs.read(layer), files, { diskBytes, signal, onBytes });
    blobs.remove();
  } finally {
    await blobs.close();
  }
}
