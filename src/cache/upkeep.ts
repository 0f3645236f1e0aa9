/** Looking after caches: what `hyperfile cache ls`, `prune` and `verify` do. `store` is the store of this host. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { Limiter } from '../transfer/limits.ts';
import type { CacheIo } from './cache-io.ts';
import type { CacheOption } from './options.ts';
import { openPlace, type CachePlace } from './place.ts';
import { pruneFolder, type CachePruneReport, type CachePruneOptions } from './prune-folder.ts';
import { readRecordAt } from './record.ts';
import { listStore, newestFirst, type CacheListing, type ListedRecord } from './record-list.ts';
import type { RemoteHit } from './remote-cache.ts';
import { verifyRemote, verifyStore, type CacheVerdict, type VerifyOptions } from './verify.ts';

const RECORDS_AT_ONCE = 8;

/**
 * All records of a cache, the newest first.
 *
 * @throws HyperfileError CACHE_UNSUPPORTED, and what the place throws when it fails
 */
export function listCache(cache: CacheOption | 'store', io: CacheIo): Promise<CacheListing> {
  if (cache === 'store') return listStore(io.store);
  return withPlace(cache, io, 'listed', async (place) => {
    const { hits, problems } = await readAll(place, io);
    return { records: newestFirst(hits.map(listed)), problems };
  });
}

/**
 * Reads every record and looks for its layers. With `content`, every blob (of the store: every layer file) is read and
 * must have the digest it is known by.
 *
 * @throws HyperfileError as {@link listCache}, INTERRUPTED
 */
export function verifyCache(
  cache: CacheOption | 'store',
  io: CacheIo,
  options: VerifyOptions = {},
): Promise<CacheVerdict> {
  if (cache === 'store') return verifyStore(io, options);
  return withPlace(cache, io, 'verified', async (place) => {
    const { hits, problems } = await readAll(place, io);
    return verifyRemote(hits, problems, io, options);
  });
}

/**
 * Removes from a folder what was not used for some time. The store has a prune of its own.
 *
 * @throws HyperfileError CACHE_UNSUPPORTED for what is no folder
 */
export async function pruneCache(
  cache: CacheOption,
  io: CacheIo,
  options: CachePruneOptions,
): Promise<CachePruneReport> {
  if (cache.type === 'local') return await pruneFolder(cache.folder, options, io.signal);
  throw unsupported(cache, 'pruned', 'what holds it decides what goes');
}

async function withPlace<T>(
  cache: CacheOption,
  io: CacheIo,
  action: string,
  work: (place: CachePlace) => Promise<T>,
): Promise<T> {
  if (cache.type === 'gha') throw unsupported(cache, action, 'the service gives no list of its entries');
  const place = await openPlace(cache, io);
  if (place === undefined) throw unsupported(cache, action, 'it is a part of the pushed image');
  try {
    return await work(place);
  } finally {
    await place.repository.close();
  }
}

/** Every record; those that cannot be read as problems. */
async function readAll(
  place: CachePlace,
  { signal }: CacheIo,
): Promise<{ hits: RemoteHit[]; problems: HyperfileError[] }> {
  const limiter = new Limiter(RECORDS_AT_ONCE);
  const problems: HyperfileError[] = [];
  const reading: Promise<RemoteHit | undefined>[] = [];
  const read = (tag: string): Promise<RemoteHit | undefined> =>
    limiter
      .run(signal, () => readRecordAt(place, tag, { signal }))
      .catch((error: unknown) => {
        if (!isHyperfileError(error) || !/^(?:OCI|CACHE)_/.test(error.code)) throw error;
        problems.push(error);
        return undefined;
      });
  for await (const tag of tagsOf(place, signal))
    if (place.digitsOf(tag) !== undefined) reading.push(quietly(read(tag)));
  const hits = (await Promise.all(reading)).filter((hit) => hit !== undefined);
  return { hits, problems };
}

/** None, where nothing was ever exported. */
async function* tagsOf({ repository }: CachePlace, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield* repository.tags({ signal });
  } catch (error) {
    if (!isHyperfileError(error, 'REGISTRY_NOT_FOUND')) throw error;
  }
}

/** It is waited for later; a failure until then is not lost. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function listed({ key, inputs, created, layers }: RemoteHit): ListedRecord {
  const ownBytes = (layers[0]?.form.blobs ?? []).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { key, inputs, created, layerCount: layers.length, ownBytes };
}

function unsupported({ name }: CacheOption, action: string, reason: string): HyperfileError {
  return new HyperfileError('CACHE_UNSUPPORTED', { data: { cache: name, action, reason } });
}
