/**
 * Layers on their way out. The blobs once made of a layer are remembered, so most of the time nothing but their names is
 * sent; what is missing there is handed over by a repository of the same host that has it, and only else packed and
 * uploaded.
 */
import { HyperfileError } from '../base/error.ts';
import { formOf } from '../blob/form.ts';
import { planParts, type LayerPart } from '../blob/parts.ts';
import type { LayerRecord } from '../oci/image.ts';
import { blobDescriptor } from '../oci/layer-descriptors.ts';
import type { LayerBlob, LayerForm, ShippedLayer } from '../oci/layer-form.ts';
import type { Repository } from '../oci/repository.ts';
import type { KnownForm } from '../store/forms.ts';
import { copyBlob } from './copy-blob.ts';
import type { TransferIo } from './io.ts';
import { Limiter, together } from './limits.ts';
import { PackedDifferently, PackedPart } from './packed-part.ts';
import { BlobProgress, layerLabel } from './progress.ts';

/** A layer that is not in the store but known to be somewhere else. */
export interface DistantSource {
  readonly layer: ShippedLayer;
  readonly from: Repository;
}

export interface SenderOptions {
  /** Where a layer is that the store does not have. */
  readonly elsewhere?: (id: string) => DistantSource | undefined;
}

export class LayerSender {
  readonly #to: Repository;
  readonly #io: TransferIo;
  readonly #options: SenderOptions;
  readonly #limiter: Limiter;
  readonly #sent = new Map<string, Promise<ShippedLayer>>();

  constructor(repository: Repository, io: TransferIo, options: SenderOptions = {}) {
    this.#to = repository;
    this.#io = io;
    this.#options = options;
    this.#limiter = new Limiter(io.concurrency);
  }

  /**
   * Brings layers there, leaf first, and says what they are there. Asked twice for a layer, it sends it once.
   *
   * @throws HyperfileError STORE_LAYER_MISSING, STORE_LAYER_DAMAGED, DISK_FULL, INTERRUPTED and those of the repository
   */
  async send(ids: readonly string[]): Promise<ShippedLayer[]> {
    const lease = await this.#io.store.lease();
    try {
      const tasks = ids.map((id) => (signal: AbortSignal) => this.#once(id, signal));
      // Base first: the others stand on it, and limited tasks begin in this order.
      return (await together(this.#io.signal, tasks.reverse())).reverse();
    } finally {
      lease.release();
    }
  }

  async #once(id: string, signal: AbortSignal): Promise<ShippedLayer> {
    const running = this.#sent.get(id);
    // What was given up because of something else is tried again.
    if (running !== undefined) return running.catch(() => this.#start(id, signal));
    return this.#start(id, signal);
  }

  #start(id: string, signal: AbortSignal): Promise<ShippedLayer> {
    const sending = this.#send(id, { ...this.#io, signal });
    this.#sent.set(id, sending);
    return sending;
  }

  async #send(id: string, io: TransferIo): Promise<ShippedLayer> {
    const { store } = io;
    const record = await store.layer(id);
    if (record === undefined) return this.#sendDistant(id, io);
    const known = await store.knownForm(id);
    const layer = new OutgoingLayer({ to: this.#to, io, limiter: this.#limiter, record });
    const form = known === undefined ? await layer.sendNew() : await layer.sendKnown(known);
    // Of a form that only replaces the known one for this push nothing is kept.
    if (known === undefined || form === known.form) await store.rememberForm(id, form, placeOf(this.#to));
    const { parent, key } = record;
    return { id, ...(parent !== undefined && { parent }), ...(key !== undefined && { key }), form };
  }

  async #sendDistant(id: string, io: TransferIo): Promise<ShippedLayer> {
    const distant = this.#options.elsewhere?.(id);
    if (distant === undefined) throw new HyperfileError('STORE_LAYER_MISSING', { data: { layer: id } });
    const { from, layer } = distant;
    const { blobs } = layer.form;
    const tasks = blobs.map((blob, index) => (signal: AbortSignal) => {
      const label = layerLabel(id, index, blobs.length);
      const descriptor = blobDescriptor(blob);
      return this.#limiter.run(signal, () =>
        copyBlob({ from, to: this.#to, descriptor, label }, { ...io, signal }),
      );
    });
    await together(io.signal, tasks);
    return layer;
  }
}

/** The name by which a repository can hand blobs over, if it can. */
export function placeOf({ host, name }: Repository): string | undefined {
  return host === undefined ? undefined : name;
}

interface Outgoing {
  readonly to: Repository;
  readonly io: TransferIo;
  readonly limiter: Limiter;
  readonly record: LayerRecord;
}

/** One layer of the store. */
class OutgoingLayer {
  readonly #to: Repository;
  readonly #io: TransferIo;
  readonly #limiter: Limiter;
  readonly #id: string;
  readonly #path: string;
  #parts: readonly LayerPart[] | undefined;

  constructor({ to, io, limiter, record: { id } }: Outgoing) {
    this.#to = to;
    this.#io = io;
    this.#limiter = limiter;
    this.#id = id;
    this.#path = io.store.layerPath(id);
  }

  /** Packs all of it and sends what is missing there. */
  async sendNew(): Promise<LayerForm> {
    const parts = planParts(this.#path);
    const tasks = parts.map(
      (part, index) => (signal: AbortSignal) =>
        this.#limiter.run(signal, async () => {
          const io = { ...this.#io, signal };
          const packed = new PackedPart(this.#path, part, io);
          try {
            return await this.#sendPacked(packed, layerLabel(this.#id, index, parts.length), io);
          } finally {
            packed.discard();
          }
        }),
    );
    return formOf(this.#path, parts, await together(this.#io.signal, tasks));
  }

  /** The same form where all its blobs are there or can be made again, else one with the blobs that were made now. */
  async sendKnown(known: KnownForm): Promise<LayerForm> {
    try {
      return await this.#sendAs(known);
    } catch (error) {
      if (error instanceof PackedDifferently) return this.sendNew();
      throw error;
    }
  }

  async #sendAs({ form, places }: KnownForm): Promise<LayerForm> {
    const near = places.filter((place) => this.#to.host !== undefined && place !== this.#to.name);
    const mountFrom = near.filter((place) => place.startsWith(`${this.#to.host}/`));
    const tasks = form.blobs.map(
      (_, index) => (signal: AbortSignal) =>
        this.#limiter.run(signal, () => this.#sendBlob({ form, index, mountFrom }, { ...this.#io, signal })),
    );
    const blobs = await together(this.#io.signal, tasks);
    return blobs.every((blob, index) => blob === form.blobs[index]) ? form : { ...form, blobs };
  }

  async #sendBlob({ form, index, mountFrom }: KnownBlob, io: TransferIo): Promise<LayerBlob> {
    const blob = form.blobs[index];
    const label = layerLabel(this.#id, index, form.blobs.length);
    if (await this.#exists(blob, label, io)) return blob;
    const packed = new PackedPart(this.#path, this.#partOf(blob), io);
    try {
      if (mountFrom.length === 0) return await this.#sendPacked(packed, label, io, blob);
      return await this.#mount(blob, packed, { label, mountFrom }, io);
    } finally {
      packed.discard();
    }
  }

  /** @throws PackedDifferently when layers were cut otherwise when the form was made */
  #partOf({ kind, windowIndex }: LayerBlob): LayerPart {
    this.#parts ??= planParts(this.#path);
    const part = this.#parts.find((other) => other.kind === kind && other.windowIndex === windowIndex);
    if (part === undefined) throw new PackedDifferently();
    return part;
  }

  /** Nothing is packed unless no repository hands the blob over. */
  async #mount(
    blob: LayerBlob,
    packed: PackedPart,
    { label, mountFrom }: { label: string; mountFrom: readonly string[] },
    io: TransferIo,
  ): Promise<LayerBlob> {
    try {
      await this.#push(blob, packed, { label, mountFrom }, io);
      return blob;
    } catch (error) {
      if (io.signal.aborted || !(await packed.isOtherThan(blob))) throw error;
      return this.#sendPacked(packed, label, io, blob);
    }
  }

  /** @param asked what was already looked for there */
  async #sendPacked(
    packed: PackedPart,
    label: string,
    io: TransferIo,
    asked?: LayerBlob,
  ): Promise<LayerBlob> {
    const blob = await packed.pack();
    if (blob.digest !== asked?.digest && (await this.#exists(blob, label, io))) return blob;
    await this.#push(blob, packed, { label }, io);
    return blob;
  }

  async #exists(blob: LayerBlob, label: string, io: TransferIo): Promise<boolean> {
    const descriptor = blobDescriptor(blob);
    if (!(await this.#to.hasBlob(descriptor, { signal: io.signal }))) return false;
    new BlobProgress(io, descriptor, label).end('exists', 0);
    return true;
  }

  async #push(
    blob: LayerBlob,
    packed: PackedPart,
    { label, mountFrom }: { label: string; mountFrom?: readonly string[] },
    io: TransferIo,
  ): Promise<void> {
    const descriptor = blobDescriptor(blob);
    const progress = new BlobProgress(io, descriptor, label);
    let sentBytes = 0;
    try {
      const status = await this.#to.pushBlob(descriptor, packed.source(blob), {
        signal: io.signal,
        ...(mountFrom !== undefined && { mountFrom }),
        onSent: (bytes) => progress.reached((sentBytes = bytes)),
      });
      if (status === 'mounted') progress.end('mounted', 0);
      else progress.end('done', descriptor.size);
    } finally {
      progress.end('failed', sentBytes);
    }
  }
}

interface KnownBlob {
  readonly form: LayerForm;
  readonly index: number;
  readonly mountFrom: readonly string[];
}
