/** All caches that a build writes to, in the background. */
import { HyperfileError } from '../base/error.ts';
import type { CacheIo } from './cache-io.ts';
import type { CacheOption } from './options.ts';
import { openPlace, type OpenPlace } from './place.ts';
import { reasonOf } from './reason.ts';
import type { CacheExport, CacheExporter } from './remote-cache.ts';
import { CacheTarget } from './target.ts';

/** Opens nothing yet: a cache is opened when the first result is offered. */
export function openExporter(
  options: readonly CacheOption[],
  io: CacheIo,
  open: OpenPlace = openPlace,
): CacheExporter {
  return new Exporter(options, io, open);
}

class Exporter implements CacheExporter {
  readonly #targets: readonly CacheTarget[];
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();

  constructor(options: readonly CacheOption[], io: CacheIo, open: OpenPlace) {
    this.#signal = AbortSignal.any([io.signal, this.#stop.signal]);
    const own = { ...io, signal: this.#signal };
    this.#targets = options.map((option) => new CacheTarget(option, own, open));
  }

  offer(result: CacheExport): void {
    for (const target of this.#targets) target.offer(result);
  }

  async finish(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.settle()));
    if (this.#signal.aborted) throw new HyperfileError('INTERRUPTED');
    for (const { option, failure } of this.#targets) {
      if (failure === undefined || option.ignoreError) continue;
      const data = { cache: option.name, reason: reasonOf(failure).message };
      throw new HyperfileError('CACHE_EXPORT_FAILED', { data, cause: failure });
    }
  }

  /** Ends what is still under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#targets.map((target) => target.close()));
  }
}
