/** What all stages of one build share: the store, the driver (started when first needed), the context, the caches. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { allocatedBytes } from '../base/allocated-bytes.ts';
import { HyperfileError } from '../base/error.ts';
import type { Listener, Progress } from '../base/events.ts';
import type { CacheExport, CacheExporter, CacheImporter } from '../cache/remote-cache.ts';
import type { Driver, RootPartition, OpenRequest, Sandbox } from '../drivers/driver.ts';
import type { DriverOptions } from '../drivers/drivers.ts';
import { FileDigestCache } from '../fs/file-digest-cache.ts';
import type { SourceTree } from '../fs/source-tree.ts';
import type { CacheRecord, DiskDescription } from '../oci/image.ts';
import type { Repository } from '../oci/repository.ts';
import type { Store, StoreLease } from '../store/store.ts';
import type { Origin } from './copy-origin.ts';
import { DistantLayers } from './distant-layers.ts';
import type { BuildEvent, StepId } from './events.ts';
import type { GuestAccess, GuestAccounts } from './guest-access.ts';
import type { ImageContent } from './name-image.ts';
import type { BuildOptions } from './options.ts';

export interface WorkshopParts {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly signal: AbortSignal;
  readonly options: BuildOptions;
  readonly context: SourceTree;
  readonly drained?: () => Promise<void> | undefined;
  /** Caches elsewhere; they outlive the workshop. */
  readonly importer?: CacheImporter;
  readonly exporter?: CacheExporter;
  /** What opens drivers; that of the host when absent. */
  readonly chooseDriver?: DriverChoice;
}

/** Opens a driver by name, or that of the host. */
export type DriverChoice = (name: string | undefined, options: DriverOptions) => Promise<Driver>;

/** Work that the cache may save. */
export interface Cached {
  /** Nothing had to be made. */
  readonly cached: boolean;
  /** The cache elsewhere that it came from, in people's words; absent for the store's own. */
  readonly origin?: string;
}

/** A step's result that was made before, here or elsewhere. */
export interface Found {
  /** Leaf first. Not all of them need be here yet: see {@link DistantLayers}. */
  readonly layers: readonly string[];
  readonly created: string;
  readonly origin?: string;
  /** Where exactly, for people: `host/team/web`. */
  readonly place?: string;
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
  /** Layers that are still somewhere else. */
  readonly distant: DistantLayers;
  readonly #importer: CacheImporter | undefined;
  readonly #exporter: CacheExporter | undefined;
  readonly #repositories: Repository[] = [];
  readonly #found = new Map<string, ImageContent>();
  readonly #offers = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #shared = new Map<string, Promise<Cached>>();
  readonly #chooseDriver: DriverChoice | undefined;
  #driver: Promise<Driver> | undefined;
  #accounts: Promise<GuestAccounts> | undefined;
  #digests: Promise<FileDigestCache> | undefined;
  /** Layers on their way to the disk, in the order they were sealed. */
  #recording: Promise<void> = Promise.resolve();

  /** Keeps what this build uses safe from prunes. */
  readonly #lease: StoreLease;

  private constructor(
    { store, onEvent, signal, options, context, drained, importer, exporter, chooseDriver }: WorkshopParts,
    lease: StoreLease,
  ) {
    this.#importer = importer;
    this.#exporter = exporter;
    this.#chooseDriver = chooseDriver;
    this.drained = drained ?? (() => undefined);
    this.#lease = lease;
    this.store = store;
    this.onEvent = onEvent;
    this.options = options;
    this.context = context;
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
    this.distant = new DistantLayers({
      store,
      signal: this.signal,
      onEvent: (event) => onEvent({ type: 'transfer', event }),
    });
  }

  static async open(parts: WorkshopParts): Promise<Workshop> {
    return new Workshop(parts, await parts.store.lease());
  }

  /** The host's driver; started by the first step that misses the cache. */
  async driver(): Promise<Driver> {
    this.#driver ??= import('../drivers/drivers.ts').then(({ chooseDriver }) =>
      (this.#chooseDriver ?? chooseDriver)(this.options.driver, {
        stateFolder: this.store.root,
        options: this.options.driverOptions ?? {},
        guestAccess: (user) => this.#guestAccess(user),
      }),
    );
    return this.#driver;
  }

  async #guestAccess(user?: string): Promise<GuestAccess> {
    this.#accounts ??= import('./guest-access.ts').then(
      ({ GuestAccounts }) => new GuestAccounts(this.options),
    );
    return (await this.#accounts).access(user);
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

  /** What the store, or else a cache elsewhere, has under a key. Nothing is fetched. */
  async find(key: string): Promise<Found | undefined> {
    const record = await this.store.cacheGet(key);
    if (record?.layer !== undefined)
      return { layers: await this.store.chainOf(record.layer), created: record.created };
    const hit = await this.#importer?.lookup(key);
    if (hit === undefined || hit.layers.length === 0) return undefined;
    this.distant.learn(hit.layers, hit.from, hit);
    return {
      layers: hit.layers.map(({ id }) => id),
      created: hit.created,
      origin: hit.origin,
      place: hit.from.name,
    };
  }

  /** Asks the caches elsewhere for keys that the store does not have, before the answers are needed. */
  async ask(key: string): Promise<void> {
    if (this.#importer && !(await this.store.cacheGet(key))) void this.#importer.lookup(key);
  }

  get asksElsewhere(): boolean {
    return this.#importer !== undefined;
  }

  /** A small value that this or another machine found out before. */
  async recall(memo: string): Promise<string | undefined> {
    const known = await this.store.memoGet(memo);
    if (known !== undefined) {
      this.#offerMemo(memo, known);
      return known;
    }
    return (await this.#importer?.lookup(memoKey(memo)))?.value;
  }

  async remember(memo: string, value: string): Promise<void> {
    await this.store.memoSet(memo, value);
    this.#offerMemo(memo, value);
  }

  #offerMemo(memo: string, value: string): void {
    const record = { inputs: { memo }, created: new Date(0).toISOString(), layers: [], value };
    this.#exporter?.offer({ key: memoKey(memo), ...record, isOfTarget: true });
  }

  /** Under `--explain`: says where a step's result was found, or why it has to run. */
  async explain(
    step: StepId,
    { key, inputs }: { key: string; inputs: unknown },
    found: Found | undefined,
  ): Promise<void> {
    if (this.options.explain !== true) return;
    const { explainHit, explainMissed } = await import('./explain-step.ts');
    const text = found ? explainHit(found) : await explainMissed(key, inputs, this.store);
    this.onEvent({ type: 'explain', step, text });
  }

  /** Exports a step's result to the caches elsewhere as soon as it is recorded here. */
  offer({ key, inputs }: { key: string; inputs?: unknown }, isOfTarget: boolean): void {
    const exporter = this.#exporter;
    if (!exporter) return;
    const offered = this.#recording
      .then(async () => {
        const result = await this.#resultOf(key);
        // What was read from an image's config has no inputs of its own.
        const known = result?.inputs ?? inputs;
        if (result && known !== undefined) exporter.offer({ key, ...result, inputs: known, isOfTarget });
      })
      .catch(() => undefined)
      .finally(() => this.#offers.delete(offered));
    this.#offers.add(offered);
  }

  async #resultOf(key: string): Promise<Omit<CacheExport, 'key' | 'isOfTarget'> | undefined> {
    const record = await this.store.cacheGet(key);
    if (record?.layer !== undefined) {
      const { inputs, created } = record;
      return { inputs, created, layers: await this.store.chainOf(record.layer) };
    }
    const hit = await this.#importer?.lookup(key);
    if (!hit) return undefined;
    return { inputs: hit.inputs, created: hit.created, layers: hit.layers.map(({ id }) => id), hit };
  }

  /** Every result so far has reached the exporter. */
  async offered(): Promise<void> {
    await Promise.all(this.#offers);
  }

  /** A read-only view of a finished chain, for COPY --from. */
  async openReadOnly(
    { layers, disk, config: { machine } }: Origin,
    watch: Pick<OpenRequest, 'onStatus' | 'signal'>,
  ): Promise<Sandbox> {
    await this.distant.bring(layers);
    const driver = await this.driver();
    return driver.open({
      chain: this.store.chainPaths(layers),
      root: rootOf(disk),
      ...(machine && { machine }),
      ...watch,
    });
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

  /** Keeps a repository open until the build ends: layers may be fetched from it at any time. */
  keepOpen<T extends Repository>(repository: T): T {
    this.#repositories.push(repository);
    return repository;
  }

  /** An image that FROM found elsewhere gets its name here too, if the build brings all of it. */
  keepName(name: string, content: ImageContent): void {
    this.#found.set(name, content);
  }

  /** The images that were found elsewhere and are whole in the store by now. */
  async broughtImages(): Promise<{ name: string; content: ImageContent }[]> {
    const brought = [];
    for (const [name, content] of this.#found) {
      if ((await this.distant.missing(content.layers)).length === 0) brought.push({ name, content });
    }
    return brought;
  }

  /** What a layer occupies on the host's disk, recorded or not; of one that is elsewhere, what its blobs have. */
  async layerSize(id: string): Promise<{ id: string; allocatedBytes: number }> {
    const found = await stat(this.store.layerPath(id)).catch(() => undefined);
    if (found) return { id, allocatedBytes: allocatedBytes(found) };
    const blobs = this.distant.find(id)?.layer.form.blobs ?? [];
    return { id, allocatedBytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  /** Tells of progress within a step. */
  progress(step: StepId, what: string): Listener<Progress> {
    return (progress) => this.onEvent({ type: 'step-progress', step, what, progress });
  }

  /** Tells what a step waits for; undefined: for nothing any more. */
  status(step: StepId, text: string | undefined): void {
    this.onEvent({ type: 'step-status', step, ...(text !== undefined && { text }) });
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
      for (const repository of this.#repositories) await repository.close().catch(() => undefined);
      this.#lease.release();
    }
  }
}

/** The root partition in the driver's terms. */
export function rootOf(disk: DiskDescription): RootPartition {
  return { offset: disk.rootOffset, length: disk.rootLength, type: disk.rootType };
}

/** Memos travel as records under keys of their own. */
function memoKey(memo: string): string {
  return createHash('sha256').update(`memo ${memo}`).digest('hex');
}
