import type { FileBytes } from './file-content.ts';
import type { FileStat } from './file-stat.ts';
import type { Trace } from './inside.ts';
import type { XattrsByPath } from './xattrs.ts';

/** A folder that file steps read from: the build context or another stage's disk. */
export interface SourceTree {
  /** What errors call it: `the build context`, `stage "builder"`. */
  readonly label: string;
  /** Absolute path on the host, or what the reader calls its root. Nothing outside it is ever read. */
  readonly rootPath: string;
  /** True for a path (relative to the root, `/` separators) that the ignore file excludes. */
  readonly ignores?: (relativePath: string, isDirectory: boolean) => boolean;
  /** False when nothing below an excluded directory can be taken back, so that it need not be looked into. */
  readonly reincludesBelow?: (relativePath: string) => boolean;
  /** Owners are taken over from the tree (another stage), not reset to 0:0 (the context). */
  readonly keepOwners: boolean;
  /** Absent: a folder of this host with the rules of Linux. */
  readonly reader?: TreeReader;
}

/**
 * Reads a tree that is no such folder: one that follows the rules of Windows, or a guest's files that are not on this host
 * as files. Its host paths need only mean something to the reader itself.
 */
export interface TreeReader {
  /** Whether wildcards take capital and small letters for the same. */
  readonly ignoresCase: boolean;
  /** A source as a recipe writes it, with `/` and from the root. */
  sourceOf(written: string): string;
  /** See {@link ./inside.ts}; `sourcePath` has `/`. */
  trace(sourcePath: string): Trace;
  /** The names in a directory, which is given by its host path. */
  names(hostPath: string): string[];
  /** Paths of the host. */
  join(directory: string, name: string): string;
  /** What lies there, links not followed. */
  lookAt(hostPath: string): FileStat | undefined;
  /** Where a symbolic link or junction leads, with `/`; absolute ones from the tree's root where they lead into it. */
  readLink(hostPath: string): string;
  /** The permission bits of all its files; absent: each has its own. */
  readonly fileMode?: number;
  /** Where a regular file's bytes are; absent: in the file at its host path. */
  bytesOf?(hostPath: string): FileBytes;
  /** By host path; files without any are absent. */
  xattrsOf(hostPaths: readonly string[]): XattrsByPath;
}
