/** Walks what a source holds, parents first, in order of name, without what the ignore file excludes. */
import { HyperfileError } from '../base/error.ts';
import type { FileStat } from './file-stat.ts';
import { joinIn, lookIn, namesIn } from './read-source.ts';
import type { SourceTree } from './source-tree.ts';
import type { Source } from './sources.ts';
import { guarded } from './system-error.ts';

export interface TreeEntry {
  /** From the source's own directory; never empty. */
  readonly relativePath: string;
  readonly hostPath: string;
  readonly stat: FileStat;
}

/**
 * The entries below a directory source; sockets are left out, they mean nothing without their process. Synchronous:
 * the consumer rests between entries (see {@link ./pace.ts}).
 */
export function* walkSource(tree: SourceTree, source: Source): Generator<TreeEntry, void, undefined> {
  const prefix = source.relativePath === '' ? '' : source.relativePath + '/';
  const rootIgnored = source.relativePath !== '' && isIgnored(tree, source.relativePath, true);
  let any = !rootIgnored;
  for (const entry of walkDirectory(tree, prefix, source.hostPath, '', [])) {
    any = true;
    yield entry;
  }
  if (!any)
    throw new HyperfileError('FS_SOURCE_IGNORED', { data: { source: source.asWritten, tree: tree.label } });
}

/** `held` are ignored directories above: shown only once something below them is. */
function* walkDirectory(
  tree: SourceTree,
  prefix: string,
  hostPath: string,
  relativePath: string,
  held: TreeEntry[],
): Generator<TreeEntry, void, undefined> {
  for (const name of sortedNames(tree, hostPath)) {
    const entry = lookAt(
      tree,
      joinIn(tree, hostPath, name),
      relativePath === '' ? name : `${relativePath}/${name}`,
    );
    if (!entry || entry.stat.isSocket()) continue;
    const isDirectory = entry.stat.isDirectory();
    const inTree = prefix + entry.relativePath;
    if (!isIgnored(tree, inTree, isDirectory)) {
      yield* held.splice(0);
      yield entry;
      if (isDirectory) yield* walkDirectory(tree, prefix, entry.hostPath, entry.relativePath, []);
    } else if (isDirectory && (tree.reincludesBelow?.(inTree) ?? true)) {
      held.push(entry);
      yield* walkDirectory(tree, prefix, entry.hostPath, entry.relativePath, held);
      if (held.at(-1) === entry) held.pop();
    }
  }
}

function isIgnored(tree: SourceTree, relativePath: string, isDirectory: boolean): boolean {
  return tree.ignores?.(relativePath, isDirectory) ?? false;
}

function sortedNames(tree: SourceTree, hostPath: string): string[] {
  return guarded('reading the directory', hostPath, () => namesIn(tree, hostPath));
}

function lookAt(tree: SourceTree, hostPath: string, relativePath: string): TreeEntry | undefined {
  if (relativePath.includes('\uFFFD')) {
    throw new HyperfileError('FS_NAME_INVALID', { data: { name: relativePath, reason: 'it is not UTF-8' } });
  }
  const stat = guarded('looking at', hostPath, () => lookIn(tree, hostPath));
  return stat && { relativePath, hostPath, stat };
}
