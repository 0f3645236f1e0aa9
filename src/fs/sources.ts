/** Sources of COPY and ADD: from what the recipe says to files of a tree. */
import { HyperfileError } from '../base/error.ts';
import type { FileStat } from './file-stat.ts';
import type { Trace } from './inside.ts';
import { nearestName } from './nearest-name.ts';
import { joinIn, namesIn, traceIn } from './read-source.ts';
import type { SourceTree } from './source-tree.ts';
import { compileWildcard, hasWildcard } from './wildcard.ts';

/** One file or directory that a recipe names, links followed. */
export interface Source {
  /** As the recipe writes it, or what its wildcards matched. */
  readonly asWritten: string;
  /** The name it takes in a directory. */
  readonly baseName: string;
  readonly hostPath: string;
  /** From the tree's root, where the links led; '' is the root. */
  readonly relativePath: string;
  readonly stat: FileStat;
}

/**
 * Finds every source in a tree, wildcards expanded in order of name. A wildcard may match nothing; a plain name must
 * exist.
 *
 * @throws HyperfileError FS_OUTSIDE_CONTEXT, FS_SOURCE_MISSING, FS_SOURCE_IGNORED, FS_PATTERN_INVALID, FS_LINK_LOOP
 */
export function findSources(tree: SourceTree, patterns: readonly string[]): Source[] {
  return patterns.flatMap((written) => namedBy(tree, written).map((name) => findSource(tree, name)));
}

/** The paths that a source names: itself, or what its wildcards match. @throws HyperfileError as {@link findSources} */
export function namedBy(tree: SourceTree, written: string): string[] {
  const pattern = tree.reader ? tree.reader.sourceOf(written) : written;
  if (!isGuest(tree)) refuseDotDot(tree, pattern);
  return hasWildcard(pattern) ? expandWildcard(tree, pattern) : [pattern];
}

/** Of a source with wildcards: the directory before the first of them, and how many levels below it they reach. */
export function wildcardBase(pattern: string): { readonly base: string; readonly levels: number } {
  const { names, fixedCount } = splitWildcard(pattern);
  return { base: names.slice(0, fixedCount).join('/'), levels: names.length - fixedCount };
}

function splitWildcard(pattern: string): { readonly names: readonly string[]; readonly fixedCount: number } {
  const names = pattern.split('/').filter((name) => name !== '' && name !== '.');
  return { names, fixedCount: names.findIndex((name) => hasWildcard(name)) };
}

function findSource(tree: SourceTree, written: string): Source {
  const trace = traceIn(tree, written);
  if (!isGuest(tree)) refuseLeaving(tree, written, trace);
  const relativePath = trace.names.join('/');
  const data = { source: written, tree: tree.label };
  if (!trace.stat) {
    const near = nearestName(tree, trace.names);
    throw new HyperfileError('FS_SOURCE_MISSING', { data, ...(near && { hint: `Did you mean "${near}"?` }) });
  }
  // An ignored directory may still hold files taken back with `!`; whoever walks it finds out.
  if (!trace.stat.isDirectory() && tree.ignores?.(relativePath, false))
    throw new HyperfileError('FS_SOURCE_IGNORED', { data });
  return {
    asWritten: written,
    baseName: lastName(written),
    hostPath: trace.hostPath,
    relativePath,
    stat: trace.stat,
  };
}

/** Another stage's disk: as in the guest itself, `/` is its root and `..` stops there. */
function isGuest(tree: SourceTree): boolean {
  return tree.keepOwners;
}

function refuseDotDot(tree: SourceTree, written: string): void {
  let depth = 0;
  for (const name of written.split('/')) {
    if (name === '..') depth--;
    else if (name !== '' && name !== '.') depth++;
    if (depth < 0) throw outside(tree, written);
  }
}

/** An absolute link is taken from the context's root; when nothing is there, it was meant for the host. */
function refuseLeaving(tree: SourceTree, written: string, trace: Trace): void {
  if (trace.wentAbove !== undefined || (trace.absoluteLink !== undefined && !trace.stat))
    throw outside(tree, written);
}

function outside(tree: SourceTree, source: string): HyperfileError {
  return new HyperfileError('FS_OUTSIDE_CONTEXT', { data: { source, tree: tree.label } });
}

/** Only the part before the first wildcard follows links. */
function expandWildcard(tree: SourceTree, pattern: string): string[] {
  const { names, fixedCount } = splitWildcard(pattern);
  const base = names.slice(0, fixedCount).join('/');
  const trace = traceIn(tree, base);
  if (!isGuest(tree)) refuseLeaving(tree, pattern, trace);
  if (!trace.stat?.isDirectory()) return [];
  let found = [{ written: base, hostPath: trace.hostPath, relativePath: trace.names.join('/') }];
  for (const name of names.slice(fixedCount)) {
    const matches = compileWildcard(name, { ignoreCase: tree.reader?.ignoresCase === true });
    if (!matches) throw new HyperfileError('FS_PATTERN_INVALID', { data: { pattern } });
    found = found.flatMap((directory) => matchingEntries(tree, directory, matches));
  }
  return found.map(({ written }) => written);
}

interface Found {
  readonly written: string;
  readonly hostPath: string;
  readonly relativePath: string;
}

function matchingEntries(tree: SourceTree, directory: Found, matches: RegExp): Found[] {
  return namesToMatch(tree, directory.hostPath)
    .filter((name) => matches.test(name))
    .map((name) => ({
      written: joined(directory.written, name),
      hostPath: joinIn(tree, directory.hostPath, name),
      relativePath: joined(directory.relativePath, name),
    }))
    .filter(
      ({ relativePath }) => !(tree.ignores?.(relativePath, false) && !tree.reincludesBelow?.(relativePath)),
    );
}

function namesToMatch(tree: SourceTree, hostPath: string): string[] {
  try {
    return namesIn(tree, hostPath);
  } catch {
    return []; // a file, or a link: wildcards go through neither
  }
}

function joined(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

function lastName(written: string): string {
  return written.split('/').findLast((name) => name !== '' && name !== '.') ?? '';
}
