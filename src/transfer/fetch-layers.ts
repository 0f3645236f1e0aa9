/**
 * Layers on their way into the store, where each appears only when all of it is here, has the right digests, is a VHDX
 * and fits the layer below. What the store has already is not fetched, but must be the same.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { checkLayer } from '../blob/check-layer.ts';
import { LayerWriter } from '../blob/layer-writer.ts';
import type { Digest } from '../oci/digest.ts';
import { blobDescriptor } from '../oci/layer-descriptors.ts';
import type { ShippedLayer } from '../oci/layer-form.ts';
import type { Repository } from '../oci/repository.ts';
import type { StoreLease } from '../store/store.ts';
import { BlobDownload, isCorrupt } from './fetch-blob.ts';
import type { TransferIo } from './io.ts';
import { digestOfLayer } from './layer-digest.ts';
import { Limiter, together } from './limits.ts';
import { BlobProgress, layerLabel } from './progress.ts';
import { placeOf } from './send-layers.ts';

interface Fetch {
  readonly digest: Digest;
  readonly done: Promise<void>;
}

interface FetchIo extends TransferIo {
  readonly from: Repository;
  readonly lease: StoreLease;
}

export class LayerFetcher {
  readonly #io: TransferIo;
  readonly #limiter: Limiter;
  readonly #fetches = new Map<string, Fetch>();

  constructor(io: TransferIo) {
    this.#io = io;
    this.#limiter = new Limiter(io.concurrency);
  }

  /**
   * Brings layers into the store; those below the lowest must be there or on their way. They may come from several
   * places at the same time: a layer that is asked for twice is fetched once. Hold a lease of the store meanwhile, until
   * something that leads to the layers is in the store.
   *
   * @param layers leaf first
   * @throws HyperfileError TRANSFER_LAYER_CONFLICT, TRANSFER_CHAIN_INVALID, DISK_FULL, INTERRUPTED, and those of the
   *   repository, of what was wrong with a blob, and of `checkLayer`. Nothing of a layer that failed is in the store.
   */
  async fetch(layers: readonly ShippedLayer[], from: Repository): Promise<void> {
    const lease = await this.#io.store.lease();
    try {
      // Base first: the others wait for what is below them.
      const tasks = layers.toReversed().map((layer) => (signal: AbortSignal) => {
        return this.#once(layer, { ...this.#io, signal, from, lease });
      });
      await together(this.#io.signal, tasks);
    } finally {
      lease.release();
    }
  }

  async #once(layer: ShippedLayer, io: FetchIo): Promise<void> {
    for (;;) {
      const running = this.#fetches.get(layer.id);
      if (running === undefined) break;
      if (running.digest !== layer.form.digest) throw conflict(layer, io);
      try {
        return await running.done;
      } catch (error) {
        // It may have been given up for a reason of its own: then it is ours to try.
        if (io.signal.aborted) throw error;
        if (this.#fetches.get(layer.id) === running) this.#fetches.delete(layer.id);
      }
    }
    const done = this.#bring(layer, io);
    this.#fetches.set(layer.id, { digest: layer.form.digest, done });
    return done;
  }

  async #bring(layer: ShippedLayer, io: FetchIo): Promise<void> {
    if (await isPresent(layer, io)) return;
    const incoming = await this.#receive(layer, io);
    try {
      await this.#below(layer, io);
    } catch (error) {
      incoming.giveUp();
      throw error;
    }
    await incoming.keep();
  }

  async #receive(layer: ShippedLayer, io: FetchIo): Promise<IncomingLayer> {
    for (let isRetry = false; ; isRetry = true) {
      const incoming = new IncomingLayer(layer, io, this.#limiter);
      try {
        await incoming.receive();
        return incoming;
      } catch (error) {
        // What an earlier attempt had left may have been wrong; it is gone now.
        if (isRetry || !incoming.wasResumed || !isCorrupt(error)) throw error;
      }
    }
  }

  async #below({ id, parent }: ShippedLayer, { store, from }: FetchIo): Promise<void> {
    if (parent === undefined) return;
    const running = this.#fetches.get(parent);
    if (running !== undefined) return running.done;
    if ((await store.layer(parent)) !== undefined) return;
    const reason = `layer ${id} stands on ${parent}, which is neither among them nor in the store`;
    throw new HyperfileError('TRANSFER_CHAIN_INVALID', { data: { name: from.name, reason } });
  }
}

/** One layer that the store does not have yet. */
class IncomingLayer {
  readonly #layer: ShippedLayer;
  readonly #io: FetchIo;
  readonly #limiter: Limiter;
  readonly #downloads: BlobDownload[] = [];
  readonly #place: { readonly id: string; readonly path: string };

  /** @throws HyperfileError STORE_LAYER_DAMAGED when the id is none */
  constructor(layer: ShippedLayer, io: FetchIo, limiter: Limiter) {
    this.#layer = layer;
    this.#io = io;
    this.#limiter = limiter;
    this.#place = io.store.adoptLayer(layer.id);
  }

  /** True when it began with what an earlier attempt had left. */
  get wasResumed(): boolean {
    return this.#downloads.some(({ resumedBytes }) => resumedBytes > 0);
  }

  /** Fetches all its blobs into a file: the head, which says where the others go, before them. */
  async receive(): Promise<void> {
    const { form } = this.#layer;
    let writer: LayerWriter | undefined;
    try {
      await this.#limiter.run(this.#io.signal, async () => {
        writer = await LayerWriter.create(this.#place.path, form);
        await this.#receiveBlob(writer, 0, this.#io);
      });
      const windows = form.blobs.slice(1).map((_, window) => (signal: AbortSignal) => {
        return this.#limiter.run(signal, () =>
          this.#receiveBlob(writer!, window + 1, { ...this.#io, signal }),
        );
      });
      await together(this.#io.signal, windows);
      await writer!.finish();
    } catch (error) {
      await writer?.abandon();
      this.giveUp();
      throw error;
    }
  }

  async #receiveBlob(writer: LayerWriter, index: number, io: FetchIo): Promise<void> {
    const { id, form } = this.#layer;
    const blob = form.blobs[index];
    const label = layerLabel(id, index, form.blobs.length);
    const download = new BlobDownload({ from: io.from, descriptor: blobDescriptor(blob), label }, io);
    this.#downloads.push(download);
    try {
      await writer.write(blob, download.bytes(), { signal: io.signal, ownsPieces: true });
    } catch (error) {
      if (isCorrupt(error)) download.remove();
      throw error;
    }
  }

  /** Checks the file as a layer on the one below it, and makes it one of the store's. */
  async keep(): Promise<void> {
    const { id, parent, key, form } = this.#layer;
    const { store, from } = this.#io;
    try {
      const below = parent !== undefined && { parentId: parent, parentPath: store.layerPath(parent) };
      checkLayer(this.#place.path, { id, ...below });
      const { wasFirst } = await store.sealAdopted(this.#place, {
        ...(parent !== undefined && { parent }),
        ...(key !== undefined && { key }),
      });
      // The layer has them now, whatever happens next.
      for (const download of this.#downloads) download.remove();
      if (!wasFirst) await isPresent(this.#layer, this.#io);
      else await store.rememberForm(id, form, placeOf(from));
    } catch (error) {
      // Every blob was what its digest says; what they make is worth nothing.
      if (isCorrupt(error)) for (const download of this.#downloads) download.remove();
      this.giveUp();
      throw error;
    }
  }

  /** Nothing of it stays in the store but what may be of use to the next attempt. */
  giveUp(): void {
    this.#io.store.discardAdopted(this.#place);
    for (const download of this.#downloads) download.release();
  }
}

/**
 * True when the store has this very layer. One that is damaged there is replaced.
 *
 * @throws HyperfileError TRANSFER_LAYER_CONFLICT
 */
async function isPresent(layer: ShippedLayer, io: FetchIo): Promise<boolean> {
  const { store, signal, lease, from } = io;
  const record = await presentRecord(layer.id, io);
  if (record === undefined) return false;
  const known = await store.layerForm(layer.id);
  const digest = known?.digest ?? (await digestOfLayer(store.layerPath(layer.id), signal));
  if (digest !== layer.form.digest || record.parent !== layer.parent) throw conflict(layer, io);
  await lease.add([layer.id]);
  const { blobs } = layer.form;
  blobs.forEach((blob, index) => {
    new BlobProgress(io, blobDescriptor(blob), layerLabel(layer.id, index, blobs.length)).end('exists', 0);
  });
  const isSameForm = known?.blobs.every((blob, index) => blob.digest === blobs[index]?.digest) === true;
  if (isSameForm) await store.rememberForm(layer.id, known, placeOf(from));
  return true;
}

async function presentRecord(id: string, { store, lease }: FetchIo) {
  try {
    if ((await store.layer(id)) === undefined) return undefined;
    await lease.add([id]);
    return await store.layer(id);
  } catch (error) {
    if (isHyperfileError(error, 'STORE_LAYER_MISSING', 'STORE_LAYER_DAMAGED')) return undefined;
    throw error;
  }
}

function conflict({ id }: ShippedLayer, { from }: FetchIo): HyperfileError {
  return new HyperfileError('TRANSFER_LAYER_CONFLICT', { data: { layer: id, name: from.name } });
}
