/** The caches elsewhere that a build reads and writes: from its flags, else from the environment or the project's file. */
import path from 'node:path';
import type { CacheExporter, CacheImporter } from '../cache/remote-cache.ts';
import { readCacheDefaults } from '../cache/defaults.ts';
import type { TransferEvent } from '../transfer/events.ts';
import type { BuildIo } from './build.ts';
import type { BuildOptions } from './options.ts';

export interface Caches {
  readonly importer?: CacheImporter;
  readonly exporter?: CacheExporter;
  close(): Promise<void>;
}

/** @throws HyperfileError CACHE_OPTION, CACHE_DEFAULTS */
export async function openCaches(options: BuildOptions, io: BuildIo): Promise<Caches> {
  const defaults = readCacheDefaults(path.resolve(options.contextPath), process.env);
  const from = options.cacheFrom ?? defaults.from;
  const to = options.cacheTo ?? defaults.to;
  if (from.length === 0 && to.length === 0) return { close: () => Promise.resolve() };
  return openNamed(from, to, options, io);
}

/** Loaded only for builds that have some. */
async function openNamed(
  from: readonly string[],
  to: readonly string[],
  { insecure }: BuildOptions,
  { store, onEvent, signal }: BuildIo,
): Promise<Caches> {
  const { parseCacheOption } = await import('../cache/options.ts');
  const sources = from.map((text) => parseCacheOption(text, 'from'));
  const targets = to.map((text) => parseCacheOption(text, 'to'));
  const io = {
    store,
    signal,
    env: process.env,
    onEvent: (event: TransferEvent) =>
      onEvent(event.type === 'warning' ? event : { type: 'transfer', event }),
    refused: new Set<string>(),
    ...(insecure && { insecure }),
  };
  const importer =
    sources.length > 0 ? (await import('../cache/importer.ts')).openImporter(sources, io) : undefined;
  const exporter =
    targets.length > 0 ? (await import('../cache/exporter.ts')).openExporter(targets, io) : undefined;
  return {
    ...(importer && { importer }),
    ...(exporter && { exporter }),
    close: async () => {
      await exporter?.close();
      await importer?.close();
    },
  };
}
