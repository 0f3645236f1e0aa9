/**
 * File steps inside a guest. Every path is resolved inside the guest's root, symbolic links included. Paths of a Windows
 * guest are absolute, `C:\a\b`; a `\` at the end does what a `/` does.
 */
import type { Readable } from 'node:stream';
import type { SourceTree } from './source-tree.ts';

export interface GuestFiles {
  /** The whole content of a file in the guest, or undefined when there is none. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** Makes a directory and its missing parents; what exists stays as it is. */
  makeDirectory(path: string, owner?: Owner): Promise<void>;
  /** COPY and the local form of ADD. */
  copy(request: CopyRequest): Promise<void>;
  /** Writes one file with the given content (a heredoc, a downloaded file). */
  writeFile(request: WriteFileRequest): Promise<void>;
  /** Unpacks a tar stream (already decompressed) below a directory of the guest. */
  extract(tar: Readable, request: ExtractRequest): Promise<void>;
  /** The guest's files as a source of `COPY --from`, for as long as the guest is open. */
  asSource(request: SourceRequest): Promise<SourceTree>;
  /** `name[:group]` or numbers to numbers, by the guest's own /etc/passwd and /etc/group. */
  resolveOwner(spec: string): Promise<Owner>;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface SourceRequest {
  /** As in {@link CopyRequest}: what is wanted of the tree. Of guests that have to be asked it holds nothing else. */
  readonly sources: readonly string[];
  readonly signal?: AbortSignal;
}

export interface CopyRequest {
  readonly from: SourceTree;
  /** As written in the recipe, variables expanded; may hold wildcards (Go's filepath.Match). */
  readonly sources: readonly string[];
  /** Absolute path in the guest; a trailing `/` says that it is a directory. */
  readonly destination: string;
  /** Absent: 0:0 for files from the context, kept for files from another stage. */
  readonly owner?: Owner;
  /** `--chmod`: octal ("0755") or symbolic ("u+x,go-w"). */
  readonly mode?: string;
  /** ADD: local tar archives (plain, gz, bz2, xz, zst; known by content) are unpacked instead of copied. */
  readonly unpackArchives?: boolean;
  readonly signal?: AbortSignal;
}

export interface WriteFileRequest {
  readonly destination: string;
  /** Used when `destination` ends with `/` or is a directory. */
  readonly name: string;
  readonly content: Uint8Array | Readable;
  readonly owner?: Owner;
  /** `--chmod`, as in {@link CopyRequest}; from 0644. */
  readonly mode?: string;
  /** Where modes are known and none is given: 0600 instead of 0644. */
  readonly forOwnerOnly?: boolean;
  /** Modification time, seconds since 1970. */
  readonly modifiedSeconds?: number;
}

export interface ExtractRequest {
  readonly destination: string;
  readonly owner?: Owner;
  /** What the errors call the archive. */
  readonly archiveName: string;
  /** It is a layer of a container image: its whiteouts take away what lies there, and nothing of that is kept else. */
  readonly whiteouts?: true;
  readonly signal?: AbortSignal;
}
