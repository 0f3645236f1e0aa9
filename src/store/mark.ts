/**
 * What a prune may take: everything that no named image, no kept cache record and no living process leads to. Nothing
 * that has a name is ever taken, however damaged it is.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { isHyperfileError } from '../base/error.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import type { LayerRecord } from '../oci/image.ts';
import { listCacheRecords } from './cache.ts';
import { findDamagedForm } from './forms.ts';
import { listImageIds, readImage } from './images.ts';
import { staleIncoming } from './incoming.ts';
import { inspectLayer, MAX_CHAIN_LAYERS } from './layers.ts';
import { imageFile, LAYER_ID, layerFormFile, type Layout } from './layout.ts';
import { readLeases } from './lease.ts';
import { listNames } from './names.ts';
import { listIfThere } from './read.ts';
import { abandonedFiles } from './sweep.ts';

const LAYER_FILES: ReadonlySet<string> = new Set(['.vhdx', '.json', '.form']);

/** Without any of these, all cached layers go that no image holds. */
export interface PruneLimits {
  /** Let go of every cache record and memo, also those whose layers an image holds anyway. */
  readonly all?: boolean;
  /** Keep the most recently used cached layers, up to this many bytes beside those of images. */
  readonly keepBytes?: number;
  /** Let go only of what was not used for this long. */
  readonly olderThanMs?: number;
}

/** What goes, each kind leading to the next; so whoever removes in this order never leaves anything half there. */
export interface PrunePlan {
  /** Files of names that no image stands behind. */
  readonly nameFiles: readonly string[];
  readonly images: readonly Digest[];
  readonly cacheFiles: readonly string[];
  /** Sealed layers, leaf first. */
  readonly layers: readonly string[];
  /** Files among the layers that belong to no sealed layer, and files that were never finished. */
  readonly garbage: readonly string[];
  /** Parts of blobs that nobody fetches any more. */
  readonly incoming: readonly string[];
  readonly deadLeases: readonly string[];
}

/**
 * Decides what goes. The caller holds the prune lock and the names lock.
 *
 * Builds go on meanwhile, so the order of reading matters: first the layers there are, then the leases, then everything
 * else. A layer made later is not among those listed; one that is listed was leased before its file was made, and its
 * lease ends only after the image or the record that keeps it is written.
 */
export function planPrune(layout: Layout, limits: PruneLimits): PrunePlan {
  const fileNames = listIfThere(layout.layers);
  const leases = readLeases(layout);
  const kept = new KeptLayers(layout);
  const images = chooseImages(layout, limits, leases.inUse);
  for (const id of [...leases.inUse, ...images.layers]) kept.keep(id);
  const cacheFiles = chooseCacheRecords(layout, limits, kept);
  const unkept = fileNames.filter((name) => !kept.has(path.parse(name).name));
  const layers = unkept
    .filter((name) => name.endsWith('.vhdx'))
    .map((name) => name.slice(0, -'.vhdx'.length));
  const sealed = layers.filter((id) => kept.record(id) !== undefined);
  return {
    nameFiles: images.namesOfNothing,
    images: images.gone,
    cacheFiles,
    layers: sealed.sort((left, right) => kept.depth(right) - kept.depth(left)),
    garbage: [...findGarbage(layout, unkept, new Set(sealed)), ...damagedForms(layout, fileNames, kept)],
    incoming: staleIncoming(layout, limits.all === true),
    deadLeases: leases.dead,
  };
}

/** The layers that stay, and what is known about any. */
class KeptLayers {
  readonly #layout: Layout;
  readonly #records = new Map<string, LayerRecord | undefined>();
  readonly #kept = new Set<string>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** The record of a layer that is whole. */
  record(id: string): LayerRecord | undefined {
    if (!this.#records.has(id)) {
      const state = inspectLayer(this.#layout, id);
      this.#records.set(id, 'record' in state ? state.record : undefined);
    }
    return this.#records.get(id);
  }

  has(id: string): boolean {
    return this.#kept.has(id);
  }

  /** Keeps a layer and all below it. */
  keep(id: string): void {
    for (const below of this.#chain(id)) this.#kept.add(below);
  }

  /** How many bytes keeping a layer would add; undefined when its chain is not whole. */
  bytesToKeep(id: string): number | undefined {
    const records = this.#chain(id).map((below) => this.record(below));
    if (records.some((record) => record === undefined)) return undefined;
    return records.reduce(
      (sum, record) => sum + (record && !this.has(record.id) ? record.allocatedBytes : 0),
      0,
    );
  }

  /** How many layers are below one. */
  depth(id: string): number {
    return this.#chain(id).length - 1;
  }

  #chain(leaf: string): string[] {
    const chain: string[] = [];
    for (let id: string | undefined = leaf; id !== undefined && chain.length < MAX_CHAIN_LAYERS;) {
      chain.push(id);
      id = this.record(id)?.parent;
    }
    return chain;
  }
}

/** Images without a name go, and names without an image. */
function chooseImages(layout: Layout, limits: PruneLimits, inUse: ReadonlySet<string>) {
  const { names, damaged } = listNames(layout);
  const named = new Set(names.map(({ id }) => id));
  const gone: Digest[] = [];
  const layers: string[] = [];
  const ids = listImageIds(layout);
  for (const id of ids) {
    const file = imageFile(layout, digestHex(id));
    if (named.has(id) || inUse.has(id) || isYoung(file, limits)) layers.push(...layersNamedIn(layout, id));
    else gone.push(id);
  }
  const there = new Set(ids);
  const orphans = names.filter(({ id }) => !there.has(id)).map(({ file }) => file);
  return { gone, layers, namesOfNothing: [...orphans, ...damaged] };
}

/** The layers of an image, and of a damaged one everything that looks like a layer. */
function layersNamedIn(layout: Layout, id: Digest): readonly string[] {
  try {
    return readImage(layout, id)?.config.layers ?? [];
  } catch (error) {
    if (!isHyperfileError(error, 'STORE_IMAGE_DAMAGED')) throw error;
    return readFileSync(imageFile(layout, digestHex(id)), 'latin1').match(/[0-9a-f]{32}/g) ?? [];
  }
}

/** The files of records to let go, keeping the layers of the others. The most recently used come first. */
function chooseCacheRecords(layout: Layout, limits: PruneLimits, kept: KeptLayers): string[] {
  const gone: string[] = [];
  let room = limits.keepBytes ?? 0;
  const newestFirst = [...listCacheRecords(layout)].sort((left, right) => right.usedMs - left.usedMs);
  for (const { file, record } of newestFirst) {
    const bytes = record?.layer === undefined ? 0 : kept.bytesToKeep(record.layer);
    const young = isYoung(file, limits);
    if (record === undefined || bytes === undefined || (limits.all === true && !young)) gone.push(file);
    else if (young || bytes === 0 || bytes <= room) {
      if (record.layer !== undefined) kept.keep(record.layer);
      if (!young) room -= bytes;
    } else {
      // What was used less recently than this one must not outlive it.
      room = 0;
      gone.push(file);
    }
  }
  return gone;
}

/** True when the limits spare a file because it was used not long ago. */
function isYoung(file: string, { olderThanMs }: PruneLimits): boolean {
  return olderThanMs !== undefined && Date.now() - (touchedMs(file) ?? 0) < olderThanMs;
}

function touchedMs(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** Forms of layers that stay, but that nobody can use. */
function damagedForms(layout: Layout, fileNames: readonly string[], kept: KeptLayers): string[] {
  return fileNames
    .filter((name) => name.endsWith('.form'))
    .map((name) => path.parse(name).name)
    .filter((id) => LAYER_ID.test(id) && kept.has(id))
    .filter((id) => {
      const record = kept.record(id);
      return record !== undefined && findDamagedForm(layout, id, record.fileBytes) !== undefined;
    })
    .map((id) => layerFormFile(layout, id));
}

function findGarbage(layout: Layout, unkept: readonly string[], sealed: ReadonlySet<string>): string[] {
  const lost = unkept.filter((name) => {
    const { name: id, ext } = path.parse(name);
    return LAYER_ID.test(id) && LAYER_FILES.has(ext) && !sealed.has(id);
  });
  return [...lost.map((name) => path.join(layout.layers, name)), ...abandonedFiles(layout)];
}
