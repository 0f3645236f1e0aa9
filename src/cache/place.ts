/** Where the records of one cache lie: a repository, and how its records are named in it. */
import type { Repository, RepositoryOptions } from '../oci/repository.ts';
import { DEFAULT_TAG } from '../oci/reference.ts';
import type { CacheIo } from './cache-io.ts';
import type { CacheOption, GhaCacheOption, LocalCacheOption, RegistryCacheOption } from './options.ts';
import { digitsOfTag, keyDigits, recordTag } from './record-name.ts';

export interface CachePlace {
  /** For people: `registry host/team/web:cache`, `local ./cache`. */
  readonly name: string;
  /** `registry`, `local`, `gha`. */
  readonly origin: string;
  readonly repository: Repository;
  /** The tag of a key's record. */
  tagOf(key: string): string;
  /** The 64 digits of the record that a tag names; undefined for what is no record of this cache. */
  digitsOf(tag: string): string | undefined;
  /** Whether a key's record is there, in the cheapest way. */
  hasRecord(key: string, options: RepositoryOptions): Promise<boolean>;
  /** The tag of an ordinary image whose config may carry keys. */
  readonly imageTag?: string;
}

/** How a cache is opened. */
export type OpenPlace = (option: CacheOption, io: CacheIo) => Promise<CachePlace | undefined>;

/**
 * Opens a cache without asking it anything yet. An inline cache has no place of its own: it is the pushed image.
 *
 * @throws HyperfileError CACHE_NO_SERVICE, and what opening a registry throws
 */
export async function openPlace(option: CacheOption, io: CacheIo): Promise<CachePlace | undefined> {
  switch (option.type) {
    case 'registry':
      return registryPlace(option, io);
    case 'local':
      return localPlace(option);
    case 'gha':
      return ghaPlace(option, io);
    case 'inline':
      return undefined;
  }
}

async function registryPlace(
  { name, type, reference, ...option }: RegistryCacheOption,
  { env, signal, ...io }: CacheIo,
): Promise<CachePlace> {
  const { tag, ...withoutTag } = reference;
  const { openRepository } = await import('../transfer/open-repository.ts');
  const insecure = option.insecure || io.insecure === true;
  const location = { kind: 'registry', reference: withoutTag } as const;
  const repository = await openRepository(location, { env, signal, ...(insecure && { insecure }) });
  return {
    ...placeOf(name, type, repository, (key) => recordTag(tag, key)),
    digitsOf: (name) => digitsOfTag(tag, name),
    imageTag: tag ?? DEFAULT_TAG,
  };
}

async function localPlace({ name, type, folder }: LocalCacheOption): Promise<CachePlace> {
  const { openLocalCache } = await import('./local-cache.ts');
  return { ...placeOf(name, type, openLocalCache(folder), keyDigits), digitsOf: (tag) => tag };
}

async function ghaPlace(option: GhaCacheOption, io: CacheIo): Promise<CachePlace> {
  const { openGhaCache } = await import('./gha-cache.ts');
  const repository = openGhaCache(option, io);
  return {
    ...placeOf(option.name, option.type, repository, keyDigits),
    hasRecord: (key, options) => repository.hasRecord(keyDigits(key), options),
  };
}

/** A place without a list of its records. */
export function placeOf(
  name: string,
  origin: string,
  repository: Repository,
  tagOf: (key: string) => string,
): CachePlace {
  const hasRecord: CachePlace['hasRecord'] = async (key, options) =>
    (await repository.resolve(tagOf(key), options)) !== undefined;
  return { name, origin, repository, tagOf, digitsOf: () => undefined, hasRecord };
}
