/**
 * Caches elsewhere: step results that other machines made, found by the same keys as the store's own. One small record
 * a key under its own name; whoever writes the same key twice writes an equal record.
 */
import type { Repository } from '../oci/repository.ts';
import type { ShippedLayer } from '../oci/layer-form.ts';

/** A step's result somewhere else; nothing of its layers has moved yet. */
export interface RemoteHit {
  readonly key: string;
  readonly inputs: unknown;
  readonly created: string;
  /** The chain on which the guest's disk stands after the step, leaf first; empty when the record holds a value. */
  readonly layers: readonly ShippedLayer[];
  /** A small value remembered under the key (a memo), instead of layers. */
  readonly value?: string;
  /** Where the layers' blobs are. */
  readonly from: Repository;
  /** How people call that cache: `registry`, `local`, `gha`. */
  readonly origin: string;
}

export interface CacheImporter {
  /** Asks all caches at once; whatever goes wrong is one warning a cache, and no hit. Asked twice, it answers once. */
  lookup(key: string): Promise<RemoteHit | undefined>;
  /** A hit's layers turned out to be unusable: its cache is not asked again. With the reason, a warning says so. */
  distrust(hit: RemoteHit, reason?: unknown): void;
  close(): Promise<void>;
}

/** What a build hands over as soon as it is durable in the store. */
export interface CacheExport {
  readonly key: string;
  readonly inputs: unknown;
  readonly created: string;
  /** Leaf first; all in the store, or those of `hit`. Empty with a `value`. */
  readonly layers: readonly string[];
  /** Where the result came from, if it is not the store's own: what the store lacks is copied from there. */
  readonly hit?: RemoteHit;
  readonly value?: string;
  /** Belongs to the image that is built: exported in `mode=min` too. */
  readonly isOfTarget: boolean;
}

export interface CacheExporter {
  /** Starts exporting in the background. */
  offer(result: CacheExport): void;
  /** Waits for the exports. @throws HyperfileError CACHE_EXPORT_FAILED only with `ignore-error=false` */
  finish(): Promise<void>;
  close(): Promise<void>;
}
