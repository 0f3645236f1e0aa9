/** Caches to try things on: small layers in a store, records in memory, and what a build was told. */
import { appendFileSync } from 'node:fs';
import { canonicalJson } from '../../src/base/canonical-json.ts';
import type { CacheIo } from '../../src/cache/cache-io.ts';
import { parseCacheOption, type CacheOption } from '../../src/cache/options.ts';
import { placeOf, type OpenPlace } from '../../src/cache/place.ts';
import { recordTag } from '../../src/cache/record-name.ts';
import type { CacheExport } from '../../src/cache/remote-cache.ts';
import { digestOf, sha256Hex } from '../../src/oci/digest.ts';
import { encodeCacheRecord, type CacheRecordContent } from '../../src/oci/image-artifact.ts';
import type { LayerForm, ShippedLayer } from '../../src/oci/layer-form.ts';
import type { Store } from '../../src/store/store.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import type { MemoryRepository } from '../support/memory-repository.ts';

export interface TestIo extends CacheIo {
  readonly events: TransferEvent[];
  /** The warnings so far. */
  warnings(): string[];
}

export function testIo(store: Store, options: Partial<CacheIo> = {}): TestIo {
  const events: TransferEvent[] = [];
  return {
    store,
    env: {},
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    ...options,
    events,
    warnings: () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  };
}

export const FROM = parseCacheOption('type=registry,ref=127.0.0.1:1/cache', 'from');
export const TO = parseCacheOption('type=registry,ref=127.0.0.1:1/cache,mode=max', 'to');

/** Opens repositories in memory, by the name of the option. */
export function inMemory(...repositories: readonly MemoryRepository[]): OpenPlace {
  const left = [...repositories];
  const known = new Map<CacheOption, MemoryRepository>();
  return (option) => {
    const repository = known.get(option) ?? left.shift()!;
    known.set(option, repository);
    const tagOf = (key: string): string => recordTag(undefined, key);
    return Promise.resolve({
      ...placeOf(option.name, option.type, repository, tagOf),
      imageTag: 'latest',
    });
  };
}

/** A step's inputs and their key. */
export function step(number: number, parent?: string): { key: string; inputs: Record<string, unknown> } {
  const inputs = {
    scheme: 1,
    ...(parent && { parent }),
    instruction: { kind: 'run', argv: [String(number)] },
    reads: [],
  };
  return { key: sha256Hex(canonicalJson(inputs)), inputs };
}

/** A layer that exists only on paper. */
export function paperLayer(id: string, parent?: string, key?: string): ShippedLayer {
  const digest = digestOf(id);
  const form: LayerForm = {
    digest,
    sizeBytes: 100,
    blobs: [
      {
        kind: 'whole',
        digest: digestOf(`${id} packed`),
        sizeBytes: 50,
        contentDigest: digest,
        contentBytes: 100,
        tablesDigest: digestOf(`${id} tables`),
        tablesBytes: 49,
      },
    ],
  };
  return { id, ...(parent && { parent }), ...(key && { key }), form };
}

export function layerId(number: number): string {
  return number.toString(16).padStart(32, '0');
}

export const BASE = paperLayer(layerId(1));
export const LEAF = paperLayer(layerId(2), layerId(1));

/** Puts a record where an importer looks for it; its layers need not be there. */
export function putRecord(
  repository: MemoryRepository,
  record: CacheRecordContent,
  tag = recordTag(undefined, record.key),
): void {
  const { manifest, config } = encodeCacheRecord(record);
  repository.addBlob(config.bytes, config.descriptor.mediaType);
  repository.manifests.set(manifest.descriptor.digest, manifest);
  repository.tagged.set(tag, manifest.descriptor.digest);
}

export function record(number: number): CacheRecordContent {
  return { ...step(number), created: '2026-01-01T00:00:00.000Z', layers: [LEAF, BASE] };
}

/** A small layer file in a store: the bytes of a VHDX as far as shipping looks at them. */
export async function storedLayer(store: Store, bytes: Uint8Array, parent?: string): Promise<string> {
  const { id, path } = store.newLayer();
  appendFileSync(path, bytes);
  await store.sealLayer({ id, ...(parent !== undefined && { parent }) });
  return id;
}

export function exportOf(number: number, layers: readonly string[], isOfTarget = true): CacheExport {
  return { ...step(number), created: '2026-01-01T00:00:00.000Z', layers, isOfTarget };
}
