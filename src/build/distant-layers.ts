/**
 * Layers that a build knows of and that are still somewhere else: in a remote cache, or in the registry that FROM names.
 * They move only when a step needs them on the disk, or when the image is to be kept here.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Listener } from '../base/events.ts';
import type { RemoteHit } from '../cache/remote-cache.ts';
import type { ShippedLayer } from '../oci/layer-form.ts';
import type { Repository } from '../oci/repository.ts';
import type { Store } from '../store/store.ts';
import type { TransferEvent } from '../transfer/events.ts';
import type { LayerFetcher } from '../transfer/fetch-layers.ts';

/** A cache's layers could not be had: the build starts again without that cache. */
export class LostHit extends Error {
  override readonly name = 'LostHit';
  readonly hit: RemoteHit;

  constructor(hit: RemoteHit, cause: unknown) {
    super(`the layers that ${hit.from.name} has for a step cannot be had`, { cause });
    this.hit = hit;
  }
}

export interface DistantLayer {
  readonly layer: ShippedLayer;
  readonly from: Repository;
  /** The cache record that led to it; absent for a layer of an image. */
  readonly hit?: RemoteHit;
}

export interface DistantIo {
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly onEvent: Listener<TransferEvent>;
}

export class DistantLayers {
  readonly #io: DistantIo;
  readonly #known = new Map<string, DistantLayer>();
  readonly #hits = new Map<string, RemoteHit>();
  #fetcher: Promise<LayerFetcher> | undefined;
  readonly #brought = new Map<string, Promise<void>>();

  constructor(io: DistantIo) {
    this.#io = io;
  }

  /** Remembers where layers are; the first place that is told of stays. */
  learn(layers: readonly ShippedLayer[], from: Repository, hit?: RemoteHit): void {
    if (hit) this.#hits.set(hit.key, hit);
    for (const layer of layers) {
      if (!this.#known.has(layer.id)) this.#known.set(layer.id, { layer, from, ...(hit && { hit }) });
    }
  }

  find(id: string): DistantLayer | undefined {
    return this.#known.get(id);
  }

  /** Those of a chain that the store does not have, leaf first. */
  async missing(ids: readonly string[]): Promise<DistantLayer[]> {
    const missing: DistantLayer[] = [];
    for (const id of ids) {
      const distant = this.#known.get(id);
      if (distant && !(await this.#io.store.layer(id))) missing.push(distant);
    }
    return missing;
  }

  /**
   * Fetches what the store does not have of a chain, given leaf first.
   *
   * @throws LostHit when a cache's layer cannot be had; HyperfileError for a layer of an image
   */
  bring(ids: readonly string[]): Promise<void> {
    const chain = ids.join();
    const running = this.#brought.get(chain) ?? this.#bring(ids);
    this.#brought.set(chain, running);
    return running;
  }

  async #bring(ids: readonly string[]): Promise<void> {
    const missing = await this.missing(ids);
    if (missing.length === 0) return;
    const fetcher = await this.#sharedFetcher();
    const byPlace = Map.groupBy(missing, ({ from }) => from);
    // The place that has the lowest layers comes first: a layer is checked against the one below it.
    for (const [from, distant] of [...byPlace].reverse()) {
      try {
        await fetcher.fetch(
          distant.map(({ layer }) => layer),
          from,
        );
      } catch (error) {
        throw this.#explain(error, distant);
      }
    }
    await this.#recordHits();
  }

  /** One for all stages: a layer that two of them need is fetched once. */
  #sharedFetcher(): Promise<LayerFetcher> {
    this.#fetcher ??= import('../transfer/fetch-layers.ts').then(
      ({ LayerFetcher }) => new LayerFetcher(this.#io),
    );
    return this.#fetcher;
  }

  #explain(error: unknown, distant: readonly DistantLayer[]): unknown {
    if (this.#io.signal.aborted || isHyperfileError(error, 'INTERRUPTED'))
      return new HyperfileError('INTERRUPTED', { cause: error });
    const hit = distant.find((layer) => layer.hit)?.hit;
    if (!hit) return error;
    if (isHyperfileError(error, 'DISK_FULL')) this.#dropParts(distant);
    return new LostHit(hit, error);
  }

  /** What arrived of layers that do not fit takes the room of the steps that run instead. */
  #dropParts(distant: readonly DistantLayer[]): void {
    try {
      for (const { layer } of distant)
        for (const { digest } of layer.form.blobs) this.#io.store.claimIncoming(digest).remove();
    } catch (error) {
      // Not even a lock fits: the next step will say so.
      if (!isHyperfileError(error, 'DISK_FULL')) throw error;
    }
  }

  /** Steps whose chains are here now are found without the cache next time. */
  async #recordHits(): Promise<void> {
    const { store } = this.#io;
    for (const [key, { inputs, created, layers }] of this.#hits) {
      const leaf = layers[0]?.id;
      if (leaf === undefined || !(await store.layer(leaf))) continue;
      await store.cachePut({ key, inputs, created, layer: leaf });
      this.#hits.delete(key);
    }
  }
}
