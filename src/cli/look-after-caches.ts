/** What `hyperfile cache` does: lists, prunes and checks caches of steps, wherever they are. */
import { HyperfileError } from '../base/error.ts';
import type { CacheIo } from '../cache/cache-io.ts';
import { parseCacheOption, type CacheOption } from '../cache/options.ts';
import type { CachePruneReport } from '../cache/prune-folder.ts';
import type { ListedRecord } from '../cache/record-list.ts';
import { listCache, pruneCache, verifyCache } from '../cache/upkeep.ts';
import { formatAge } from './age.ts';
import type { Console } from './console.ts';
import { count } from './count.ts';
import { withStore } from './open-store.ts';
import type { OutputFormat } from './options.ts';
import { cleanText } from './render/output-lines.ts';
import { fitText } from './render/text-width.ts';
import { safeJson } from './safe-json.ts';
import { shortId } from './short-id.ts';
import { formatSize } from './size.ts';
import { formatTable } from './table.ts';
import { misused } from './usage-error.ts';
import type { VerifyFlags } from './verbs/cache.ts';
import { pruneStore, type PruneFlags } from './verbs/prune.ts';

const SHOWN_STEP_COLUMNS = 60;

/** @throws HyperfileError of the option, and of the cache */
export async function listSteps(
  cache: string | undefined,
  { format }: { readonly format: OutputFormat },
  console: Console,
): Promise<void> {
  const { records, problems } = await withCache(cache, console, listCache);
  tellProblems(problems, console);
  if (format === 'json') {
    console.out.write(`${safeJson(records)}\n`);
    return;
  }
  const rows = records.map(({ key, inputs, created, layerCount, ownBytes }) => [
    shortId(key),
    formatAge(created),
    String(layerCount),
    formatSize(ownBytes),
    fitText(cleanText(describeStep(inputs)), SHOWN_STEP_COLUMNS),
  ]);
  console.out.write(formatTable(['KEY', 'CREATED', 'LAYERS', 'SIZE', 'STEP'], rows));
}

/** @throws HyperfileError of the option, and of the cache */
export async function forgetSteps(
  cache: string | undefined,
  flags: PruneFlags,
  console: Console,
): Promise<void> {
  if (cache === undefined) return pruneStore(flags, console);
  const { all, keepStorage, until, dryRun, format } = flags;
  if (all || keepStorage !== undefined) {
    const problem = `${all ? '--all' : '--keep-storage'} is for the cache of the store`;
    throw misused('cache', problem);
  }
  const report = await withCache(cache, console, (option, io) =>
    pruneCache(option as CacheOption, io, {
      ...(until !== undefined && { olderThanMs: until }),
      ...(dryRun !== undefined && { dryRun }),
    }),
  );
  console.out.write(
    format === 'json' ? `${JSON.stringify(report)}\n` : describePrune(report, dryRun ?? false),
  );
}

/** @throws HyperfileError CLI_CACHE_DAMAGED, and of the option and the cache */
export async function verifySteps(
  cache: string | undefined,
  { content, format }: VerifyFlags,
  console: Console,
): Promise<void> {
  const { records, layers, problems } = await withCache(cache, console, (option, io) =>
    verifyCache(option, io, content ? { content } : {}),
  );
  if (format === 'json') {
    const told = problems.map(({ code, message, hint }) => ({ code, message, hint }));
    console.out.write(`${safeJson({ records, layers, problems: told })}\n`);
  } else {
    tellProblems(problems, console);
    const noun = cache === undefined ? 'layer' : 'blob';
    console.out.write(`Checked ${count(records, 'step')} and ${count(layers, noun)}\n`);
  }
  if (problems.length === 0) return;
  const data = { cache: cache ?? 'of the store', count: count(problems.length, 'thing') };
  throw new HyperfileError('CLI_CACHE_DAMAGED', { data });
}

function withCache<T>(
  cache: string | undefined,
  console: Console,
  work: (cache: CacheOption | 'store', io: CacheIo) => Promise<T>,
): Promise<T> {
  const option = cache === undefined ? 'store' : parseCacheOption(cache, 'from');
  return withStore(console, (store, signal) =>
    work(option, { store, signal, env: console.env, onEvent: () => undefined }),
  );
}

function tellProblems(problems: readonly HyperfileError[], console: Console): void {
  for (const { message } of problems) console.err.write(`hyperfile: ${cleanText(message)}\n`);
}

function describePrune({ records, blobs, freedBytes }: CachePruneReport, isDry: boolean): string {
  const counts = `${count(records.length, 'step')}, ${count(blobs, 'blob')}`;
  return `${isDry ? 'Would free' : 'Freed'} ${formatSize(freedBytes)} (${counts})\n`;
}

/** What a key's inputs say of their step, as near to the recipe as can be told. */
function describeStep(inputs: ListedRecord['inputs']): string {
  const { instruction } = (inputs ?? {}) as { instruction?: Readonly<Record<string, unknown>> };
  const { kind, argv, destination, path } = instruction ?? {};
  const word = typeof kind === 'string' ? kind : '';
  const what = Array.isArray(argv) ? argv.join(' ') : (destination ?? path);
  return typeof what === 'string' ? `${word} ${what}` : word;
}
