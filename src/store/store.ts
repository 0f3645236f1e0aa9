/**
 * The store: the local folder that holds layers, images and cache records. Any number of processes may use one store
 * at once; two that compute the same layer both get one, and either cache record is right.
 */
import path from 'node:path';
import { unfinishedName } from '../base/atomic-file.ts';
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { waitForLock, withLock, type LockOptions } from '../base/lock.ts';
import { digestHex, digestOfJson, type Digest } from '../oci/digest.ts';
import type { CacheRecord, ImageConfig, LayerRecord } from '../oci/image.ts';
import type { LayerForm } from '../oci/layer-form.ts';
import { normalizeName } from '../oci/reference.ts';
import { placeToAdopt, sealAdopted, type AdoptedLayer } from './adopt.ts';
import { readCacheRecord, readMemo, touchCacheRecord, writeCacheRecord, writeMemo } from './cache.ts';
import { findDamage } from './check.ts';
import { readForm, writeForm, type KnownForm } from './forms.ts';
import { hasImage, readImage, resolveImageId, writeImage, type StoredImage } from './images.ts';
import { claimIncoming, type IncomingFile } from './incoming.ts';
import { chainRecords, checkLayerId, newLayerId, requireLayer, sealLayer, type NewLayer } from './layers.ts';
import {
  fileDigestsFile,
  incomingFile,
  layerFile,
  layerRecordFile,
  layoutOf,
  type Layout,
} from './layout.ts';
import { Lease } from './lease.ts';
import { listImages, removeImage, type ListedImage, type RemovedImage } from './list.ts';
import { dropLoneDigests, readName, removeName, writeName } from './names.ts';
import { prune, type PruneOptions, type PruneReport } from './prune.ts';
import { accessError, readIfThere, removeIfThere } from './read.ts';
import { sweep } from './sweep.ts';
import { openVersion } from './version.ts';

/** Says who is waited for, and when to stop waiting. */
export type StoreOptions = LockOptions;

/** While one is held, everything the store hands out is safe from prunes, in this and other processes. */
export interface StoreLease {
  /** Protects more layers or images. @throws HyperfileError STORE_LAYER_MISSING when a prune was faster */
  add(ids: readonly string[]): Promise<void>;
  release(): void;
}

export class Store {
  readonly root: string;
  readonly #layout: Layout;
  readonly #options: StoreOptions;
  readonly #lease: Lease;
  /** What was read of layers that are leased, and so cannot change. */
  readonly #known = new Map<string, LayerRecord>();
  /** Layers that have a place and no record yet. */
  readonly #begun = new Set<string>();
  /** The files of layers that come from elsewhere and are not sealed yet. */
  readonly #adopting = new Set<string>();
  /** Prunes that are being waited for. */
  readonly #waits = new Set<Promise<void>>();
  #leaseHolders = 0;

  private constructor(layout: Layout, options: StoreOptions) {
    this.root = layout.root;
    this.#layout = layout;
    this.#options = options;
    this.#lease = new Lease(layout);
  }

  /**
   * Opens the store in a folder, making a new one in a folder that is empty or not there. What killed processes had not
   * finished is removed.
   *
   * @throws HyperfileError STORE_NEWER, STORE_VERSION_DAMAGED, STORE_NOT_A_STORE, STORE_ACCESS, DISK_FULL
   */
  static open(root: string, options: StoreOptions = {}): Promise<Store> {
    return attempt(() => {
      const layout = layoutOf(path.resolve(root));
      openVersion(layout);
      sweep(layout);
      return new Store(layout, options);
    });
  }

  /** Where the digests of files that builds read are remembered. */
  get fileDigestsPath(): string {
    return fileDigestsFile(this.#layout);
  }

  /** Ends this process's lease. */
  close(): void {
    this.#leaseHolders = 0;
    this.#dropLease();
  }

  /** Protects layers and images, and whatever the store hands out from now on, until released. */
  async lease(ids: readonly string[] = []): Promise<StoreLease> {
    this.#leaseHolders++;
    let held = true;
    const release = (): void => {
      if (held && --this.#leaseHolders <= 0) this.#dropLease();
      held = false;
    };
    const add = async (more: readonly string[]): Promise<void> => {
      await this.#hold(more);
      for (const id of more) if (!id.includes(':')) this.#look(id);
    };
    try {
      await add(ids);
    } catch (error) {
      release();
      throw error;
    }
    return { add, release };
  }

  // Layers

  /** A place for a new layer's file. Safe from prunes until the lease ends, and then gone if it was not sealed. */
  newLayer(): { id: string; path: string } {
    const id = newLayerId();
    this.#lease.add([id]);
    this.#begun.add(id);
    return { id, path: this.layerPath(id) };
  }

  layerPath(id: string): string {
    return layerFile(this.#layout, id);
  }

  /**
   * Makes a finished layer's file durable and records it. Only a recorded layer exists. Layers of one chain may be
   * sealed at the same time; none is whole before those below it are.
   *
   * @throws HyperfileError STORE_LAYER_MISSING, DISK_FULL, STORE_ACCESS
   */
  async sealLayer(layer: NewLayer): Promise<LayerRecord> {
    const { id } = layer;
    this.#begun.delete(id);
    const record = await sealLayer(this.#layout, layer).catch((error: unknown) => {
      this.#begun.add(id);
      throw error;
    });
    if (this.#lease.has(id)) this.#known.set(id, record);
    return record;
  }

  /** Removes the file of a layer that was not sealed; harmless when there is none. */
  discardLayer(id: string): void {
    this.#begun.delete(id);
    if (readIfThere(layerRecordFile(this.#layout, id)) === undefined) removeIfThere(this.layerPath(id));
  }

  /** A sealed layer. @throws HyperfileError STORE_LAYER_DAMAGED */
  layer(id: string): Promise<LayerRecord | undefined> {
    return attempt(() => {
      try {
        return this.#look(id);
      } catch (error) {
        if (isHyperfileError(error, 'STORE_LAYER_MISSING')) return undefined;
        throw error;
      }
    });
  }

  /**
   * A layer and all below it, leaf first.
   *
   * @throws HyperfileError STORE_LAYER_MISSING, STORE_LAYER_DAMAGED
   */
  async chainRecords(leaf: string): Promise<LayerRecord[]> {
    for (;;) {
      const records = chainRecords(leaf, (id) => this.#look(id));
      const ids = records.map(({ id }) => id);
      if (this.#leaseHolders > 0 && (await this.#hold(ids))) continue;
      for (const record of records) if (this.#lease.has(record.id)) this.#known.set(record.id, record);
      return records;
    }
  }

  /** The ids of a layer and all below it, leaf first. @throws HyperfileError STORE_LAYER_MISSING, STORE_LAYER_DAMAGED */
  async chainOf(leaf: string): Promise<string[]> {
    return (await this.chainRecords(leaf)).map(({ id }) => id);
  }

  /** The files of a chain, in the order given. */
  chainPaths(ids: readonly string[]): string[] {
    return ids.map((id) => this.layerPath(id));
  }

  // Layers elsewhere

  /**
   * A place for a layer that has its id already, because it comes from elsewhere. Safe from prunes until the lease ends,
   * and then gone if it was not sealed.
   *
   * @throws HyperfileError STORE_LAYER_DAMAGED when that is no id
   */
  adoptLayer(id: string): AdoptedLayer {
    checkLayerId(id);
    this.#lease.add([id]);
    const place = placeToAdopt(this.#layout, id);
    this.#adopting.add(place.path);
    return place;
  }

  /**
   * Makes an adopted layer one of the store's. When another process brought one of the same id meanwhile, that one stays
   * and this file is removed; `wasFirst` is false then, and whether both are equal is for the caller to say.
   *
   * @throws HyperfileError DISK_FULL, STORE_ACCESS, INTERRUPTED
   */
  async sealAdopted(place: AdoptedLayer, layer: Omit<NewLayer, 'id'>): Promise<{ wasFirst: boolean }> {
    const named = { ...layer, id: place.id };
    const record = await sealAdopted(this.#layout, place, named, this.#options);
    this.discardAdopted(place);
    if (record !== undefined && this.#lease.has(place.id)) this.#known.set(place.id, record);
    return { wasFirst: record !== undefined };
  }

  /** Removes the file of an adopted layer that was not sealed; harmless when there is none. */
  discardAdopted(place: AdoptedLayer): void {
    this.#adopting.delete(place.path);
    removeIfThere(place.path);
  }

  /** What a layer is outside the store, if it was packed or pulled before. */
  async layerForm(id: string): Promise<LayerForm | undefined> {
    return (await this.knownForm(id))?.form;
  }

  /** As {@link layerForm}, with the repositories that have its blobs. */
  knownForm(id: string): Promise<KnownForm | undefined> {
    return attempt(() => readForm(this.#layout, id, this.#look(id).fileBytes));
  }

  /**
   * Remembers a sealed layer's form durably, and that a repository (`host/path`) has its blobs. Another form of the same
   * layer is forgotten, with its places.
   *
   * @throws HyperfileError STORE_LAYER_MISSING, DISK_FULL, STORE_ACCESS
   */
  async rememberForm(id: string, form: LayerForm, place?: string): Promise<void> {
    const known = readForm(this.#layout, id, this.#look(id).fileBytes);
    const isSame = known !== undefined && canonicalJson(known.form) === canonicalJson(form);
    const before = isSame ? known.places : [];
    const places = place === undefined || before.includes(place) ? before : [place, ...before];
    await writeForm(this.#layout, id, { form, places });
  }

  /** Where a blob lies while it is fetched, in part or whole. */
  incomingPath(digest: Digest): string {
    return incomingFile(this.#layout, digestHex(digest));
  }

  /** Takes a blob's file to write what arrives; see {@link IncomingFile}. @throws HyperfileError DISK_FULL, STORE_ACCESS */
  claimIncoming(digest: Digest): IncomingFile {
    return claimIncoming(this.#layout, digest);
  }

  /** A path for a file that is needed for a while: remove it yourself; whoever comes after a killed process does too. */
  temporaryPath(): string {
    // Its owner is found alive only while the process lives; the lease is what makes anybody look.
    this.#lease.add(['temporary']);
    return unfinishedName(path.join(this.#layout.run, 'temporary'));
  }

  // Images

  /**
   * Keeps an image, durably, and returns its id. Without a name it lasts until the next prune.
   *
   * @throws HyperfileError STORE_LAYER_MISSING, STORE_LAYER_DAMAGED, DISK_FULL, STORE_ACCESS
   */
  async putImage(config: ImageConfig): Promise<Digest> {
    const ids = [digestOfJson(config), ...config.layers];
    do for (const id of config.layers) this.#look(id);
    while (await this.#hold(ids));
    return writeImage(this.#layout, config);
  }

  /**
   * The image that a name (tag `latest` if it has none), an id, or at least 4 first digits of an id mean.
   *
   * @throws HyperfileError STORE_NAME_INVALID, STORE_ID_AMBIGUOUS, STORE_IMAGE_DAMAGED
   */
  async findImage(nameOrId: string): Promise<StoredImage | undefined> {
    for (;;) {
      const id = resolveImageId(this.#layout, nameOrId)?.id;
      const image = id === undefined ? undefined : readImage(this.#layout, id);
      if (image === undefined || this.#leaseHolders === 0) return image;
      if (!(await this.#hold([image.id, ...image.config.layers]))) return image;
    }
  }

  /** As {@link findImage}. @throws HyperfileError STORE_IMAGE_NOT_FOUND besides */
  async image(nameOrId: string): Promise<StoredImage> {
    const image = await this.findImage(nameOrId);
    if (image === undefined) throw new HyperfileError('STORE_IMAGE_NOT_FOUND', { data: { name: nameOrId } });
    return image;
  }

  /**
   * Names an image, taking the name from another that may have it. Returns the name with its tag.
   *
   * @throws HyperfileError STORE_NAME_INVALID, STORE_IMAGE_NOT_FOUND, DISK_FULL, STORE_ACCESS
   */
  async tag(name: string, id: Digest): Promise<string> {
    const normal = normalizeName(name);
    if (hasImage(this.#layout, id) && readName(this.#layout, normal)?.id === id) return normal;
    return this.#withNames(async () => {
      if (!hasImage(this.#layout, id))
        throw new HyperfileError('STORE_IMAGE_NOT_FOUND', { data: { name: id } });
      const before = readName(this.#layout, normal);
      await writeName(this.#layout, normal, id);
      if (before !== undefined) dropLoneDigests(this.#layout, before);
      return normal;
    });
  }

  /** Takes a name away, leaving the image. False when there is no such name. @throws HyperfileError STORE_NAME_INVALID */
  async untag(name: string): Promise<boolean> {
    return this.#withNames(() => {
      const before = readName(this.#layout, name);
      const isGone = removeName(this.#layout, name);
      if (before !== undefined) dropLoneDigests(this.#layout, before);
      return isGone;
    });
  }

  /** All images that can be read, the newest first. {@link check} finds the others. */
  listImages(): Promise<ListedImage[]> {
    return attempt(() => listImages(this.#layout));
  }

  /**
   * Removes a name, and the image too if that was its last; an image given by id goes with its only name, or with all
   * when forced. Its layers stay in the cache until they are pruned.
   *
   * @throws HyperfileError STORE_IMAGE_NOT_FOUND, STORE_IMAGE_IN_USE, STORE_NAME_INVALID, STORE_ID_AMBIGUOUS
   */
  async removeImage(nameOrId: string, options: { force?: boolean } = {}): Promise<RemovedImage> {
    return this.#withNames(() => removeImage(this.#layout, nameOrId, options.force ?? false));
  }

  // Cache

  /** A record whose layer, if it names one, is there with all below it. */
  async cacheGet(key: string): Promise<CacheRecord | undefined> {
    const record = readCacheRecord(this.#layout, key);
    if (record === undefined) return undefined;
    try {
      if (record.layer !== undefined) await this.chainRecords(record.layer);
    } catch (error) {
      if (isHyperfileError(error, 'STORE_LAYER_MISSING', 'STORE_LAYER_DAMAGED')) return undefined;
      throw error;
    }
    touchCacheRecord(this.#layout, key);
    return record;
  }

  /** Remembers a step's result; seal its layer first. @throws HyperfileError DISK_FULL, STORE_ACCESS */
  cachePut(record: CacheRecord): Promise<void> {
    return attempt(() => {
      writeCacheRecord(this.#layout, record);
    });
  }

  /** A small value remembered under a key. */
  memoGet(key: string): Promise<string | undefined> {
    return attempt(() => readMemo(this.#layout, key));
  }

  /** Remembers a small value; it is forgotten when nobody asks for it in a month. @throws HyperfileError DISK_FULL */
  memoSet(key: string, value: string): Promise<void> {
    return attempt(() => {
      writeMemo(this.#layout, key, value);
    });
  }

  // Upkeep

  /** Frees what nothing needs; see {@link PruneOptions}. @throws HyperfileError LOCK_TIMEOUT, INTERRUPTED */
  async prune(options: PruneOptions = {}): Promise<PruneReport> {
    return prune(this.#layout, { ...this.#options, ...options });
  }

  /** Everything in the store that is damaged or names what is not there. */
  check(): Promise<HyperfileError[]> {
    return attempt(() => findDamage(this.#layout));
  }

  #look(id: string): LayerRecord {
    return this.#known.get(id) ?? requireLayer(this.#layout, id);
  }

  /** Protects ids. True when that had to wait for a prune: they may be gone. */
  async #hold(ids: readonly string[]): Promise<boolean> {
    if (this.#lease.add(ids)) {
      const wait = waitForLock(this.#layout.pruneLock, this.#options).finally(() => this.#waits.delete(wait));
      this.#waits.add(wait);
    }
    if (this.#waits.size === 0) return false;
    await Promise.all(this.#waits);
    return true;
  }

  #dropLease(): void {
    for (const id of this.#begun) this.discardLayer(id);
    this.#begun.clear();
    for (const file of this.#adopting) removeIfThere(file);
    this.#adopting.clear();
    this.#known.clear();
    this.#lease.release();
  }

  async #withNames<T>(body: () => T | Promise<T>): Promise<T> {
    try {
      return await withLock(this.#layout.namesLock, this.#options, body);
    } catch (error) {
      throw accessError(this.#layout.namesLock, error);
    }
  }
}

/** The small files of a store are read and written at once: quicker than waiting. Errors come by promise all the same. */
// eslint-disable-next-line @typescript-eslint/require-await
async function attempt<T>(body: () => T): Promise<T> {
  return body();
}
