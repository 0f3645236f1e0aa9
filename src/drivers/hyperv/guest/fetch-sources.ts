/**
 * The sources of a COPY out of a running Linux guest: found there by what this host knows of wildcards and links, and
 * brought here as a tar. The guest only says what lies where it is asked to look.
 */
import { HyperfileError } from '../../../base/error.ts';
import { FetchedTree } from '../../../fs/fetched-tree.ts';
import { TarFetcher } from '../../../fs/fetch-tar.ts';
import type { SourceRequest } from '../../../fs/guest-files.ts';
import type { SourceTree } from '../../../fs/source-tree.ts';
import { findSources, namedBy, wildcardBase } from '../../../fs/sources.ts';
import { hasWildcard } from '../../../fs/wildcard.ts';
import { explore, pack, type Look, type ScriptWithInput } from './fetch-script.ts';
import { runFilesScript } from './files-script.ts';
import type { Ssh } from './ssh.ts';

export interface FetchOptions {
  /** What errors call the guest. */
  readonly label: string;
  /** For the bytes of files; made anew, and needed as long as the tree is. */
  readonly spoolPath: string;
}

/** What the guest has said of a path. */
interface Found {
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'symlink';
  readonly linkName?: string;
}

const KINDS: Readonly<Record<string, Found['kind']>> = { d: 'directory', f: 'file', l: 'symlink' };

/**
 * @returns the sources with all that they hold, and what leads to them; nothing else
 * @throws HyperfileError as {@link findSources} and {@link runFilesScript} do; DISK_FULL, FS_NAME_INVALID
 */
export async function fetchSources(
  ssh: Ssh,
  { sources, signal }: SourceRequest,
  { label, spoolPath }: FetchOptions,
): Promise<SourceTree> {
  const treeOf = (reader: FetchedTree): SourceTree => ({ label, rootPath: '/', keepOwners: true, reader });
  const run = async ({ script, input }: ScriptWithInput, onStdout: (chunk: Buffer) => void): Promise<void> =>
    void (await runFilesScript(ssh, script, sources.join(', '), { input, onStdout, signal }));
  const look = async (looks: readonly Look[]): Promise<Found[]> => {
    const chunks: Buffer[] = [];
    if (looks.length > 0) await run(explore(looks), (chunk) => void chunks.push(chunk));
    return parse(Buffer.concat(chunks).toString());
  };
  const found = await look(sources.map(lookFor));
  const first = treeOf(filled(found));
  const matches = sources.filter(hasWildcard).flatMap((source) => namedBy(first, source));
  found.push(...(await look(matches.map((path) => ({ path })))));
  const paths = findSources(treeOf(filled(found)), sources).map(({ hostPath }) => hostPath);
  const tree = filled(found.filter(({ kind }) => kind !== 'file'));
  const fetcher = new TarFetcher(tree, { spoolPath, archiveName: label });
  try {
    if (paths.length > 0) {
      await run(pack(topmost(paths).map(checked)), (chunk) => fetcher.push(chunk));
      fetcher.end();
    }
    return treeOf(tree);
  } finally {
    fetcher.close();
  }
}

function lookFor(source: string): Look {
  if (!hasWildcard(source)) return { path: checked(source) };
  const { base, levels } = wildcardBase(source);
  return { path: base, levels };
}

/** Records of `KIND PATH NUL`, after links also `TARGET NUL`. */
function parse(said: string): Found[] {
  const found: Found[] = [];
  const fields = said.split('\0').values();
  for (const field of fields) {
    const kind = KINDS[field[0] ?? ''];
    if (kind === undefined) continue;
    const path = field.slice(1);
    found.push(kind === 'symlink' ? { path, kind, linkName: fields.next().value ?? '' } : { path, kind });
  }
  return found;
}

function filled(found: readonly Found[]): FetchedTree {
  const tree = new FetchedTree();
  for (const { path, ...about } of found) tree.add(path, about);
  return tree;
}

/** Without those that lie below another one: they come with it. */
function topmost(paths: readonly string[]): string[] {
  const all = new Set(paths);
  const isBelow = (path: string): boolean =>
    path !== '/' && (all.has('/') || hasParentIn(all, path.slice(0, path.lastIndexOf('/'))));
  return [...all].filter((path) => !isBelow(path));
}

function hasParentIn(all: ReadonlySet<string>, directory: string): boolean {
  return (
    directory !== '' &&
    (all.has(directory) || hasParentIn(all, directory.slice(0, directory.lastIndexOf('/'))))
  );
}

/** What is no text is known by another name here than there. */
function checked(path: string): string {
  const reason = path.includes('\0')
    ? 'it holds a zero byte'
    : path.includes('\uFFFD')
      ? 'it is not UTF-8'
      : undefined;
  if (reason === undefined) return path;
  throw new HyperfileError('FS_NAME_INVALID', { data: { name: JSON.stringify(path), reason } });
}
