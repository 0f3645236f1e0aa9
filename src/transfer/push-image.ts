/** Puts an image of the store somewhere else. */
import { bytesSource } from '../oci/bytes-source.ts';
import type { Digest } from '../oci/digest.ts';
import { encodeImage, type EncodedArtifact } from '../oci/image-artifact.ts';
import type { ImageConfig } from '../oci/image.ts';
import type { ShippedLayer } from '../oci/layer-form.ts';
import type { Repository } from '../oci/repository.ts';
import type { TransferAction } from './events.ts';
import type { TransferIo } from './io.ts';
import { BlobProgress } from './progress.ts';
import { nameOf } from './remote-image.ts';
import type { DistantSource } from './send-layers.ts';
import { withTransfer } from './session.ts';

export interface ImageToPush {
  readonly image: { readonly config: ImageConfig };
  readonly target: Repository;
  /** Absent: the image is only found by its digest there. */
  readonly tag?: string;
  /** Where a layer is that the store does not have. */
  readonly elsewhere?: (id: string) => DistantSource | undefined;
  /** What is told to whoever watches; default `push`. */
  readonly action?: TransferAction;
}

/**
 * Sends what is missing there, the manifest last: so nobody ever finds half an image under the tag. When the tag stands
 * for this very image, nothing but that question is sent. Returns the digest of the manifest.
 *
 * @throws HyperfileError STORE_LAYER_MISSING, STORE_LAYER_DAMAGED, DISK_FULL, INTERRUPTED and those of the repository
 */
export async function pushImage(push: ImageToPush, io: TransferIo): Promise<Digest> {
  const { target, tag, action = 'push' } = push;
  const name = tag === undefined ? target.name : nameOf(target, tag);
  const { digest } = await withTransfer(io, { action, name }, (counted) => send(push, counted));
  return digest;
}

async function send(
  { image, target, tag, elsewhere }: ImageToPush,
  io: TransferIo,
): Promise<{ digest: Digest }> {
  const { config } = image;
  const { signal } = io;
  const known = await knownArtifact(config, io, elsewhere);
  if (known !== undefined && (await isThere(known, target, tag, signal)))
    return { digest: known.manifest.descriptor.digest };
  // Most pushes find that nothing is new, and end before this.
  const { LayerSender } = await import('./send-layers.ts');
  const sender = new LayerSender(target, io, { ...(elsewhere && { elsewhere }) });
  const artifact = encodeImage(config, await sender.send(config.layers));
  await sendArtifact(artifact, { target, tag }, io);
  return { digest: artifact.manifest.descriptor.digest };
}

/** The image as it was shipped before, if all its layers were. */
async function knownArtifact(
  config: ImageConfig,
  { store }: TransferIo,
  elsewhere: ImageToPush['elsewhere'],
): Promise<EncodedArtifact | undefined> {
  const layers: ShippedLayer[] = [];
  for (const id of config.layers) {
    const record = await store.layer(id);
    const form = record && (await store.layerForm(id));
    const { parent, key } = record ?? {};
    const layer = form
      ? { id, ...(parent !== undefined && { parent }), ...(key !== undefined && { key }), form }
      : elsewhere?.(id)?.layer;
    if (layer === undefined) return undefined;
    layers.push(layer);
  }
  return encodeImage(config, layers);
}

async function isThere(
  { manifest }: EncodedArtifact,
  target: Repository,
  tag: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { digest } = manifest.descriptor;
  return (await target.resolve(tag ?? digest, { signal }))?.digest === digest;
}

/** Sends an artifact whose layers are there: its config, then its manifest. */
async function sendArtifact(
  { manifest, config }: EncodedArtifact,
  { target, tag }: { readonly target: Repository; readonly tag: string | undefined },
  io: TransferIo,
): Promise<void> {
  const { signal } = io;
  const { descriptor, bytes } = config;
  const progress = new BlobProgress(io, descriptor, 'config');
  try {
    if (await target.hasBlob(descriptor, { signal })) progress.end('exists', 0);
    else {
      await target.pushBlob(descriptor, bytesSource(bytes), { signal });
      progress.end('done', descriptor.size);
    }
  } finally {
    progress.end('failed', 0);
  }
  await target.putManifest(manifest, tag, { signal });
}
