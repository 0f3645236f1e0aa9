/**
 * A folder as a cache: an OCI layout for the blobs, and beside it one small file a record, `keys/<key>`, that holds the
 * record's manifest. Any number of processes write at once, since none ever changes what another one wrote.
 */
import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { replaceFileDurably, UNFINISHED_PREFIX } from '../base/atomic-file.ts';
import { isHyperfileError, systemCode } from '../base/error.ts';
import { removeFile } from '../base/patience.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestHex, digestOf, isDigest } from '../oci/digest.ts';
import { openLayout } from '../oci/layout.ts';
import { OCI_MANIFEST } from '../oci/media-types.ts';
import type {
  BlobBody,
  BlobSource,
  FetchedManifest,
  ManifestToPut,
  PushBlobOptions,
  ReadBlobOptions,
  Repository,
  RepositoryOptions,
} from '../oci/repository.ts';
import { verifiedBlob } from '../oci/verified-blob.ts';

/** A folder that is not there yet is an empty cache; the first blob or record makes it. */
export function openLocalCache(folder: string): Repository {
  return new LocalCache(path.resolve(folder), folder);
}

/** Where the records of a cache folder lie. */
export function keysFolder(folder: string): string {
  return path.join(folder, 'keys');
}

/** Where an OCI layout keeps a blob (image-layout.md). */
export function blobFile(folder: string, digest: string): string {
  return path.join(folder, 'blobs', 'sha256', digestHex(digest));
}

class LocalCache implements Repository {
  readonly name: string;
  readonly #folder: string;
  readonly #layout: Repository;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.name = name;
    this.#layout = openLayout(folder, { create: true });
  }

  async resolve(reference: string, options?: RepositoryOptions): Promise<Descriptor | undefined> {
    if (isDigest(reference)) return this.#layout.resolve(reference, options);
    return (await this.manifest(reference))?.descriptor;
  }

  /** A record that a power cut tore counts as none, so that it is written again. */
  async manifest(reference: string, options?: RepositoryOptions): Promise<FetchedManifest | undefined> {
    if (isDigest(reference)) return this.#layout.manifest(reference, options);
    const file = this.#recordFile(reference);
    const bytes = readIfThere(file);
    if (bytes === undefined || !isJson(bytes)) return undefined;
    markUsed(file);
    return { descriptor: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length }, bytes };
  }

  async putManifest(manifest: ManifestToPut, tag?: string, options?: RepositoryOptions): Promise<void> {
    if (tag === undefined) return this.#layout.putManifest(manifest, undefined, options);
    await replaceFileDurably(this.#recordFile(tag), Buffer.from(manifest.bytes).toString('utf8'));
  }

  /** Looking at a blob keeps it from a prune that runs at the same time: a record that names it is about to be written. */
  async hasBlob(blob: Descriptor, options?: RepositoryOptions): Promise<boolean> {
    if (!(await this.#layout.hasBlob(blob, options))) return false;
    markUsed(blobFile(this.#folder, blob.digest));
    return true;
  }

  async readBlob(blob: Descriptor, options: ReadBlobOptions = {}): Promise<BlobBody> {
    const body = await this.#layout.readBlob(blob, options);
    const isWhole = body.offset === 0 && options.length === undefined;
    return isWhole ? { offset: 0, stream: this.#removeIfDamaged(body.stream, blob) } : body;
  }

  async pushBlob(
    blob: Descriptor,
    source: BlobSource,
    options?: PushBlobOptions,
  ): Promise<'mounted' | 'uploaded'> {
    return this.#layout.pushBlob(blob, source, options);
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async *tags(): AsyncIterable<string> {
    yield* recordNames(this.#folder);
  }

  async close(): Promise<void> {
    await this.#layout.close();
  }

  /** A blob with other bytes than its name says would stay for ever: whoever could write it anew finds it there. */
  async *#removeIfDamaged(stream: AsyncIterable<Uint8Array>, blob: Descriptor): AsyncGenerator<Uint8Array> {
    try {
      yield* verifiedBlob(stream, blob, `${this.name}@${blob.digest}`);
    } catch (error) {
      if (isHyperfileError(error, 'OCI_DIGEST_MISMATCH', 'OCI_SIZE_MISMATCH'))
        removeFile(blobFile(this.#folder, blob.digest));
      throw error;
    }
  }

  #recordFile(tag: string): string {
    return path.join(keysFolder(this.#folder), tag);
  }
}

/** The names of all records in a cache folder. */
export function recordNames(folder: string): string[] {
  try {
    return readdirSync(keysFolder(folder))
      .filter((name) => !name.startsWith(UNFINISHED_PREFIX))
      .sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** When a file was last of use (epoch); 0 for one that is not there. */
export function lastUsedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function markUsed(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // A folder that may only be read is a cache all the same.
  }
}

function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes).toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
