/** All caches that a build reads from, asked as one. */
import type { CacheIo } from './cache-io.ts';
import type { CacheOption } from './options.ts';
import { openPlace, type OpenPlace } from './place.ts';
import type { CacheImporter, RemoteHit } from './remote-cache.ts';
import { CacheSource } from './source.ts';

/**
 * Opens nothing yet: a cache is opened when the first key is asked for.
 *
 * @throws HyperfileError CACHE_OPTION for a HYPERFILE_CACHE_TIMEOUT that is no length of time
 */
export function openImporter(
  options: readonly CacheOption[],
  io: CacheIo,
  open: OpenPlace = openPlace,
): CacheImporter {
  const sources = options.map((option) => new CacheSource(option, io, open));
  return new Importer(sources, io);
}

class Importer implements CacheImporter {
  readonly #sources: readonly CacheSource[];
  readonly #io: CacheIo;
  readonly #givers = new WeakMap<RemoteHit, CacheSource>();

  constructor(sources: readonly CacheSource[], io: CacheIo) {
    this.#sources = sources;
    this.#io = io;
  }

  /** Of several hits, that of the cache named first counts, so that a build's layers come from one place if they can. */
  async lookup(key: string): Promise<RemoteHit | undefined> {
    const answers = this.#sources.map((source) => ({ source, asked: source.lookup(key) }));
    for (const { source, asked } of answers) {
      const hit = await asked;
      if (hit === undefined) continue;
      this.#givers.set(hit, source);
      return hit;
    }
    return undefined;
  }

  distrust(hit: RemoteHit, reason?: unknown): void {
    this.#io.refused?.add(hit.key);
    this.#givers.get(hit)?.giveUp(reason);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }
}
