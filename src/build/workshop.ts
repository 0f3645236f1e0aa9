/** What all stages of one build share: the store, the driver (started when first needed), the context, the caches. */
import { stat } from 'node:fs/promises';
import { HyperfileError } from '../base/error.ts';
import type { Listener, Progress } from '../base/events.ts';
import type { Driver, RootPartition, Sandbox } from '../drivers/driver.ts';
import { FileDigestCache } from '../fs/file-digest-cache.ts';
import type { SourceTree } from '../fs/source-tree.ts';
import type { CacheRecord, DiskDescription } from '../oci/image.ts';
import type { Store, StoreLease } from '../store/store.ts';
import type { BuildEvent, StepId } from './events.ts';
import type { BuildOptions } from './options.ts';

export interface WorkshopParts {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly signal: AbortSignal;
  readonly options: BuildOptions;
  readonly context: SourceTree;
  readonly drained?: () => Promise<void> | undefined;
}

const ALLOCATION_UNIT_BYTES = 512;

/** Work that the cache may save. */
export interface Cached {
  /** Nothing had to be made. */
  readonly cached: boolean;
}

/** A layer whose file is complete, with the cache record it is to get. */
export interface SealedLayer extends CacheRecord {
  readonly layer: string;
  readonly parent: string | undefined;
}

export class Workshop {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly options: BuildOptions;
  readonly context: SourceTree;
  /** When the next output of a command may be told of; undefined: now. */
  readonly drained: () => Promise<void> | undefined;
  /** Ends every step: the caller's Ctrl-C, or the first step that failed. */
  readonly signal: AbortSignal;
  cachedSteps = 0;
  readonly #stop = new AbortController();
  readonly #shared = new Map<string, Promise<Cached>>();
  #driver: Promise<Driver> | undefined;
  #digests: Promise<FileDigestCache> | undefined;
  /** Layers on their way to the disk, in the order they were sealed. */
  #recording: Promise<void> = Promise.resolve();

  /** Keeps what this build uses safe from prunes. */
  readonly #lease: StoreLease;

  private constructor(
    { store, onEvent, signal, options, context, drained }: WorkshopParts,
    lease: StoreLease,
  ) {
    this.drained = drained ?? (() => undefined);
    this.#lease = lease;
    this.store = store;
    this.onEvent = onEvent;
    this.options = options;
    this.context = context;
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  static async open(parts: WorkshopParts): Promise<Workshop> {
    return new Workshop(parts, await parts.store.lease());
  }

  /** The host's driver; started by the first step that misses the cache. */
  async driver(): Promise<Driver> {
    this.#driver ??= import('../drivers/drivers.ts').then(({ chooseDriver }) =>
      chooseDriver(this.options.driver, { stateFolder: this.store.root }),
    );
    return this.#driver;
  }

  async fileDigests(): Promise<FileDigestCache> {
    this.#digests ??= FileDigestCache.load(this.store.fileDigestsPath);
    return this.#digests;
  }

  /** Equal work of two stages is done once: who comes second waits, and takes what the first one made. */
  async shared<T extends Cached>(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#shared.get(key) as Promise<T> | undefined;
    if (running) {
      // The first one reports what went wrong.
      const result = await running.catch(() => Promise.reject(new HyperfileError('INTERRUPTED')));
      return { ...result, cached: true };
    }
    const own = work();
    this.#shared.set(key, own);
    return own;
  }

  /** A read-only view of a finished chain, for COPY --from. */
  async openReadOnly(layers: readonly string[], disk: DiskDescription): Promise<Sandbox> {
    const driver = await this.driver();
    return driver.open({ chain: this.store.chainPaths(layers), root: rootOf(disk), signal: this.signal });
  }

  /**
   * Makes a sealed layer durable in the background while the next steps already run. Its cache record is written when
   * the layer and everything sealed before it are on the disk; {@link recorded} waits for all of it.
   */
  recordLayer({ layer, parent, ...record }: SealedLayer): void {
    const durable = this.store.sealLayer({
      id: layer,
      key: record.key,
      ...(parent !== undefined && { parent }),
    });
    this.#recording = Promise.all([this.#recording, durable]).then(() =>
      this.store.cachePut({ ...record, layer }),
    );
    // A failure is reported by `recorded`; until then it must not count as unhandled.
    this.#recording.catch(() => undefined);
  }

  async recorded(): Promise<void> {
    await this.#recording;
  }

  /** What a layer occupies on the host's disk, recorded or not. */
  async layerSize(id: string): Promise<{ id: string; allocatedBytes: number }> {
    const { blocks } = await stat(this.store.layerPath(id));
    return { id, allocatedBytes: blocks * ALLOCATION_UNIT_BYTES };
  }

  /** Tells of progress within a step. */
  progress(step: StepId, what: string): Listener<Progress> {
    return (progress) => this.onEvent({ type: 'step-progress', step, what, progress });
  }

  /** Ends the other stages' steps after one failed. */
  stopOthers(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    try {
      await this.#recording.catch(() => undefined);
      const driver = await this.#driver?.catch(() => undefined);
      await driver?.close();
    } finally {
      const digests = await this.#digests?.catch(() => undefined);
      await digests?.save();
      this.#lease.release();
    }
  }
}

/** The root partition in the driver's terms. */
export function rootOf(disk: DiskDescription): RootPartition {
  return { offset: disk.rootOffset, length: disk.rootLength, type: disk.rootType };
}
