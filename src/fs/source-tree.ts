import type { Stats } from 'node:fs';
import type { Trace } from './inside.ts';

/** A folder that file steps read from: the build context or another stage's disk. */
export interface SourceTree {
  /** What errors call it: `the build context`, `stage "builder"`. */
  readonly label: string;
  /** Absolute path on the host. Nothing outside it is ever read, through symbolic links or `..` neither. */
  readonly rootPath: string;
  /** True for a path (relative to the root, `/` separators) that the ignore file excludes. */
  readonly ignores?: (relativePath: string, isDirectory: boolean) => boolean;
  /** False when nothing below an excluded directory can be taken back, so that it need not be looked into. */
  readonly reincludesBelow?: (relativePath: string) => boolean;
  /** Owners are taken over from the tree (another stage), not reset to 0:0 (the context). */
  readonly keepOwners: boolean;
  /** For trees with the rules of Windows; absent: those of Linux. */
  readonly reader?: TreeReader;
}

/** Reads a tree whose names and links follow the rules of Windows, and whose files have no modes of their own. */
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
  /** The stat of what lies there, links not followed. */
  lookAt(hostPath: string): Stats | undefined;
  /** Where a symbolic link or junction leads, with `/`; absolute ones from the tree's root where they lead into it. */
  readLink(hostPath: string): string;
}
