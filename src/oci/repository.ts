/**
 * A place that holds blobs and manifests under their digests, and names for some manifests: a repository of a registry,
 * an OCI layout folder or archive, a CI system's cache. Whatever ships images works with this interface only.
 */
import type { Listener } from '../base/events.ts';
import type { Descriptor } from './descriptor.ts';

export interface Repository {
  /** What people call it: `host:5000/team/web`, `./folder`. */
  readonly name: string;
  /** Repositories with the same host can take blobs over from each other without moving bytes. */
  readonly host?: string;
  /** The descriptor that a tag or digest stands for, by a HEAD request where there are requests. */
  resolve(reference: string, options?: RepositoryOptions): Promise<Descriptor | undefined>;
  /**
   * A manifest's bytes, of at most 4 MiB, whose digest was checked: against the reference when that is a digest.
   *
   * @throws HyperfileError OCI_MANIFEST_TOO_LARGE, OCI_DIGEST_MISMATCH
   */
  manifest(reference: string, options?: RepositoryOptions): Promise<FetchedManifest | undefined>;
  /** Stores a manifest under its digest and, when given, a tag. Its blobs must be there. */
  putManifest(manifest: ManifestToPut, tag?: string, options?: RepositoryOptions): Promise<void>;
  hasBlob(blob: Descriptor, options?: RepositoryOptions): Promise<boolean>;
  /**
   * A blob's bytes. Broken connections are resumed inside. Nothing is verified here: see `verifiedBlob`.
   *
   * @throws HyperfileError OCI_BLOB_MISSING
   */
  readBlob(blob: Descriptor, options?: ReadBlobOptions): Promise<BlobBody>;
  /** Stores a blob that is not there yet. What arrives is checked against the digest by whoever stores it. */
  pushBlob(blob: Descriptor, source: BlobSource, options?: PushBlobOptions): Promise<'mounted' | 'uploaded'>;
  /** All tags, in the order the place gives them. */
  tags(options?: RepositoryOptions): AsyncIterable<string>;
  /** Ends connections; writes what is not written yet (the index of an archive). */
  close(): Promise<void>;
}

export interface RepositoryOptions {
  readonly signal?: AbortSignal;
}

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface ManifestToPut {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface ReadBlobOptions extends RepositoryOptions {
  /** Where to begin; default 0. */
  readonly offset?: number;
  /** How many bytes at most; default: to the end. */
  readonly length?: number;
}

export interface BlobBody {
  /** Where the stream begins: 0 when the place cannot begin elsewhere, whatever was asked for. */
  readonly offset: number;
  readonly stream: AsyncIterable<Uint8Array>;
}

/** Content that can be read again from any offset, so that an upload can be resumed. */
export interface BlobSource {
  read(offset: number): AsyncIterable<Uint8Array>;
}

export interface PushBlobOptions extends RepositoryOptions {
  /** Names (`host/path`) of repositories that have the blob; those on the same host can hand it over. */
  readonly mountFrom?: readonly string[];
  /** Bytes sent so far; starts again when an upload does. */
  readonly onSent?: Listener<number>;
}
