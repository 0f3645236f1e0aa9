/**
 * The digest of what COPY or ADD would bring: names, types, permission bits, link targets, extended attributes and
 * bytes; owners where they are kept; never times. Part of a step's cache key: a change of this file's records is a
 * change of the key's scheme.
 */
import { createHash } from 'node:crypto';
import { readPieces } from './file-content.ts';
import type { FileDigests } from './file-digest-cache.ts';
import type { FileStat } from './file-stat.ts';
import { Pace } from './pace.ts';
import { bytesIn, modeIn, readLinkIn, xattrsIn } from './read-source.ts';
import type { SourceTree } from './source-tree.ts';
import { findSources, type Source } from './sources.ts';
import { asFsError } from './system-error.ts';
import { walkSource, type TreeEntry } from './walk.ts';
import type { Xattr } from './xattrs.ts';

export interface DigestOptions {
  /** Remembers files that have not changed. */
  readonly cache?: FileDigests;
  readonly signal?: AbortSignal;
}

/**
 * SHA-256 (hex) of what the sources bring. The order of files is that of their names, whatever the file system's.
 *
 * @throws HyperfileError as {@link findSources} does
 */
export async function digestTree(
  tree: SourceTree,
  patterns: readonly string[],
  options: DigestOptions = {},
): Promise<string> {
  const pace = new Pace(options.signal);
  const entries = await listEntries(tree, findSources(tree, patterns), pace);
  const contents = await contentDigests(tree, entries, options.cache, pace);
  const hash = createHash('sha256');
  const records = entries.map((entry, index) => recordOf(tree, entry, contents[index] ?? ''));
  return hash.update(records.join('\n')).digest('hex');
}

/** `name` is absent for a directory that a recipe names: its contents are copied, not itself. */
type Listed = TreeEntry & { readonly name: string | undefined };

async function listEntries(tree: SourceTree, sources: readonly Source[], pace: Pace): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (const source of sources) {
    const { hostPath, stat, baseName } = source;
    const isDirectory = stat.isDirectory();
    listed.push({ relativePath: baseName, hostPath, stat, name: isDirectory ? undefined : baseName });
    if (!isDirectory) continue;
    for (const entry of walkSource(tree, source)) {
      listed.push({ ...entry, name: entry.relativePath });
      if (pace.due()) await pace.rest();
    }
  }
  return listed;
}

/** What is not in a file's stat: bytes or link target, and extended attributes. */
async function contentDigests(
  tree: SourceTree,
  entries: readonly Listed[],
  cache: FileDigests | undefined,
  pace: Pace,
): Promise<string[]> {
  const startedMs = Date.now();
  const digests = entries.map(({ name, stat, hostPath }) =>
    name === undefined ? '' : cache?.get(stat, hostPath),
  );
  const missing = entries.flatMap(({ hostPath }, index) => (digests[index] === undefined ? [hostPath] : []));
  const xattrs = await xattrsIn(tree, missing);
  const result: string[] = [];
  for (const [index, entry] of entries.entries()) {
    let digest = digests[index];
    if (digest === undefined) {
      digest = await digestContent(tree, entry, xattrs.get(entry.hostPath) ?? [], pace);
      cache?.set(entry.stat, entry.hostPath, digest, startedMs);
    }
    result.push(digest);
    if (pace.due()) await pace.rest();
  }
  return result;
}

async function digestContent(
  tree: SourceTree,
  { hostPath, stat }: TreeEntry,
  xattrs: readonly Xattr[],
  pace: Pace,
): Promise<string> {
  const hash = createHash('sha256');
  try {
    if (stat.isSymbolicLink()) hash.update(readLinkIn(tree, hostPath));
    else if (stat.isFile()) await readPieces(bytesIn(tree, hostPath), pace, (piece) => hash.update(piece));
  } catch (error) {
    throw asFsError(error, 'reading', hostPath);
  }
  if (xattrs.length > 0) hash.update('\0' + xattrs.map(({ name, hex }) => `${name}=${hex}`).join('\0'));
  return hash.digest('hex');
}

function recordOf(tree: SourceTree, { name, stat }: Listed, content: string): string {
  if (name === undefined) return 'contents';
  const mode = stat.isSymbolicLink() ? 0 : modeIn(tree, stat);
  const owner = tree.keepOwners ? [stat.uid, stat.gid] : [];
  const device = stat.isBlockDevice() || stat.isCharacterDevice() ? [stat.rdev] : [];
  const size = stat.isFile() ? [stat.size] : [];
  return JSON.stringify([typeOf(stat), name, mode, ...owner, ...device, ...size, content]);
}

function typeOf(stat: FileStat): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isFIFO()) return 'pipe';
  return stat.isBlockDevice() ? 'block' : 'character';
}
