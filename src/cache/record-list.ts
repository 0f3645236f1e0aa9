/** What is in a cache, as data for people: of the store of this host, or of a cache elsewhere. */
import type { HyperfileError } from '../base/error.ts';
import type { CacheRecord } from '../oci/image.ts';
import { listCacheRecords } from '../store/cache.ts';
import { layoutOf } from '../store/layout.ts';
import type { Store } from '../store/store.ts';

export interface ListedRecord {
  readonly key: string;
  /** The pre-image of the key; absent when whoever wrote the record did not know it. */
  readonly inputs?: unknown;
  readonly created: string;
  /** When it was last of use (epoch), where that is known. */
  readonly usedMs?: number;
  /** How many layers the step stands on, its own among them; 0 for a remembered value. */
  readonly layerCount: number;
  /** What the step's own layer takes where it lies. */
  readonly ownBytes: number;
}

/** All records that can be read, the newest first, and what is wrong with the others. */
export interface CacheListing {
  readonly records: readonly ListedRecord[];
  readonly problems: readonly HyperfileError[];
}

/** The records of the store that can be read. */
export function storedRecords(store: Store): (CacheRecord & { readonly usedMs: number })[] {
  return [...listCacheRecords(layoutOf(store.root))].flatMap(({ record, usedMs }) =>
    record === undefined ? [] : [{ ...record, usedMs }],
  );
}

export async function listStore(store: Store): Promise<CacheListing> {
  const records: ListedRecord[] = [];
  for (const { key, inputs, created, layer, usedMs } of storedRecords(store)) {
    const chain = layer === undefined ? [] : await store.chainRecords(layer).catch(() => undefined);
    // A record whose layers were pruned is found by nobody.
    if (chain === undefined) continue;
    const own = { layerCount: chain.length, ownBytes: chain[0]?.allocatedBytes ?? 0 };
    records.push({ key, inputs, created, usedMs, ...own });
  }
  return { records: newestFirst(records), problems: [] };
}

export function newestFirst(records: readonly ListedRecord[]): ListedRecord[] {
  return records.toSorted((left, right) => right.created.localeCompare(left.created));
}
