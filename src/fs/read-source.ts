/** What is read of a source tree besides bytes, whatever system's rules it follows. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { PERMISSION_BITS } from './attributes.ts';
import type { FileBytes } from './file-content.ts';
import type { FileStat } from './file-stat.ts';
import { traceInside, type Trace } from './inside.ts';
import type { SourceTree } from './source-tree.ts';
import { readXattrs, type XattrsByPath } from './xattrs.ts';

export function traceIn(tree: SourceTree, sourcePath: string): Trace {
  return tree.reader ? tree.reader.trace(sourcePath) : traceInside(tree.rootPath, sourcePath);
}

/** The names in a directory, which is given by its host path, in order. */
export function namesIn(tree: SourceTree, directory: string): string[] {
  return (tree.reader ? tree.reader.names(directory) : readdirSync(directory)).sort();
}

/** The host path of a name in a directory, which is given by its host path. */
export function joinIn(tree: SourceTree, directory: string, name: string): string {
  return tree.reader ? tree.reader.join(directory, name) : `${directory}/${name}`;
}

export function lookIn(tree: SourceTree, hostPath: string): FileStat | undefined {
  return tree.reader ? tree.reader.lookAt(hostPath) : lstatSync(hostPath, { throwIfNoEntry: false });
}

/** Where a symbolic link leads, with `/`. */
export function readLinkIn(tree: SourceTree, hostPath: string): string {
  return tree.reader ? tree.reader.readLink(hostPath) : readlinkSync(hostPath);
}

/** Permission bits, 0 to 07777. */
export function modeIn(tree: SourceTree, stat: FileStat): number {
  return tree.reader?.fileMode ?? stat.mode & PERMISSION_BITS;
}

/** The bytes of a regular file. */
export function bytesIn(tree: SourceTree, hostPath: string): FileBytes {
  return tree.reader?.bytesOf?.(hostPath) ?? { hostPath };
}

/** Extended attributes of many files, sorted by name; files without any are absent. */
export async function xattrsIn(tree: SourceTree, hostPaths: readonly string[]): Promise<XattrsByPath> {
  return tree.reader ? tree.reader.xattrsOf(hostPaths) : readXattrs(hostPaths);
}
