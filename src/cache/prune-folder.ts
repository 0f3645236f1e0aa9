/**
 * Makes room in a cache folder: records that nobody used go first, then the blobs that no record names any more. Builds
 * may use the folder meanwhile. A writer looks at every blob before it writes the record that names it, and looking makes
 * a blob young; what is young stays.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError, systemCode } from '../base/error.ts';
import { removeFile } from '../base/patience.ts';
import { isDigest } from '../oci/digest.ts';
import { namedBlobs, parseManifest } from '../oci/manifest.ts';
import { blobFile, keysFolder, lastUsedMs, recordNames } from './local-cache.ts';

/** Longer than the export of one layer takes. */
const YOUNG_MS = 60 * 60 * 1000;

export interface CachePruneOptions {
  /** Records not used for this long go; without it, only what no record names. */
  readonly olderThanMs?: number;
  /** Only says what would go. */
  readonly dryRun?: boolean;
}

export interface CachePruneReport {
  /** Keys of the records that went. */
  readonly records: readonly string[];
  readonly blobs: number;
  readonly freedBytes: number;
}

/** @throws HyperfileError INTERRUPTED */
// eslint-disable-next-line @typescript-eslint/require-await
export async function pruneFolder(
  folder: string,
  { olderThanMs = Infinity, dryRun = false }: CachePruneOptions,
  signal: AbortSignal,
): Promise<CachePruneReport> {
  const records: string[] = [];
  const named = new Set<string>();
  let freedBytes = 0;
  const remove = (file: string): void => {
    freedBytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (!dryRun) removeFile(file);
  };
  // The blobs are listed before the records are read: one that comes later is not among them.
  const blobs = listBlobs(folder);
  for (const name of recordNames(folder)) {
    if (signal.aborted) throw new HyperfileError('INTERRUPTED');
    const file = path.join(keysFolder(folder), name);
    const digests = digestsNamedIn(file);
    if (digests !== undefined && Date.now() - lastUsedMs(file) < olderThanMs)
      digests.forEach((digest) => named.add(digest));
    else {
      remove(file);
      records.push(name);
    }
  }
  const nameless = blobs.filter(
    (digest) => !named.has(digest) && Date.now() - lastUsedMs(blobFile(folder, digest)) >= YOUNG_MS,
  );
  for (const digest of nameless) remove(blobFile(folder, digest));
  return { records, blobs: nameless.length, freedBytes };
}

/** All blobs that a record leads to; undefined when it cannot be read. */
function digestsNamedIn(file: string): string[] | undefined {
  try {
    return namedBlobs(parseManifest(readFileSync(file), file)).map(({ digest }) => digest);
  } catch {
    return undefined;
  }
}

function listBlobs(folder: string): string[] {
  try {
    return readdirSync(path.join(folder, 'blobs', 'sha256'))
      .map((hex) => `sha256:${hex}`)
      .filter(isDigest);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
