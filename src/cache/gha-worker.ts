/**
 * A thread that talks to GitHub's cache service through @actions/cache. A thread of its own because the package prints
 * to standard output, reads the process's environment and its working folder, reports most failures only in what it
 * prints, and cannot be interrupted: here all of that is this thread's alone.
 */
import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is asked to do with the entry of a name; its content is the folder `entry` of the thread's folder. */
export interface GhaRequest {
  readonly action: 'has' | 'restore' | 'save';
  readonly key: string;
}

export type GhaAnswer =
  /** `found` is also said of an entry that another job has saved meanwhile. */
  { readonly found: boolean } | { readonly missingPackage: string } | { readonly failure: string };

export interface GhaWorkerData {
  /** The thread's own folder, its working folder. */
  readonly folder: string;
}

/** Relative, so that the entry has the same version on every machine: the service keeps a digest of these. */
const ENTRY_PATHS = ['entry'];

type CachePackage = Pick<typeof import('@actions/cache'), 'restoreCache' | 'saveCache'>;

/** A name that no bundler sees: the package is optional, and not part of the bundle. */
const PACKAGE: string = '@actions/cache';

const { folder } = workerData as GhaWorkerData;
let said: string[] = [];

process.cwd = () => folder;
// What the package prints is kept from the terminal, and read.
const { stdout } = process;
stdout.write = (text: string | Uint8Array): boolean => {
  said.push(...(typeof text === 'string' ? text : Buffer.from(text).toString()).split('\n'));
  return true;
};

parentPort?.on('message', (request: GhaRequest) => {
  said = [];
  void answer(request).then((message) => parentPort?.postMessage(message));
});

async function answer(request: GhaRequest): Promise<GhaAnswer> {
  let cache: CachePackage;
  try {
    cache = (await import(PACKAGE)) as CachePackage;
  } catch (error) {
    return { missingPackage: (error as Error).message };
  }
  try {
    return request.action === 'save' ? await save(cache, request.key) : await restore(cache, request);
  } catch (error) {
    return { failure: (error as Error).message };
  }
}

/** The service may answer with an entry whose name only begins like the one asked for: that is none. */
async function restore(cache: CachePackage, { action, key }: GhaRequest): Promise<GhaAnswer> {
  const matched = await cache.restoreCache(ENTRY_PATHS, key, [], { lookupOnly: action === 'has' }, true);
  const failure = sayings('warning', 'error').find((line) => /failed|denied/i.test(line));
  if (matched === undefined && failure !== undefined) return { failure };
  if (matched === undefined && said.some((line) => line.includes('does not permit reads')))
    return { failure: 'the job may not read the cache' };
  return { found: matched === key };
}

/** Every refusal to take an entry looks the same from outside; why is only in what the package says for debugging. */
async function save(cache: CachePackage, key: string): Promise<GhaAnswer> {
  const id = await cache.saveCache(ENTRY_PATHS, key, {}, true);
  if (id >= 0) return { found: true };
  const refusal = sayings('debug').find((line) => line.startsWith('Failed to reserve cache'));
  if (refusal !== undefined && /\b409\b|already.exists/i.test(refusal)) return { found: true };
  const reason =
    refusal ??
    sayings('error', 'warning')[0] ??
    said.find((line) => /save/i.test(line) && !line.startsWith('::'));
  return { failure: reason ?? 'the entry was not saved' };
}

/** The texts of the runner's commands of some kinds (`::warning::text`) that were printed since the request. */
function sayings(...kinds: string[]): string[] {
  return said.flatMap((line) => {
    const [, kind = '', text = ''] = /^::(\w+)[^:]*::(.*)$/.exec(line) ?? [];
    return kinds.includes(kind) ? [decodeURIComponent(text.replace(/%(?!25|0A|0D)/gi, '%25'))] : [];
  });
}
