/** What layouts, archives and the like have in common as repositories: an index of manifests, and blobs of known size. */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from './descriptor.ts';
import { isDigest, type Digest } from './digest.ts';
import type { LayoutIndex } from './layout-index.ts';
import { manifestTooLarge, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
import type {
  BlobBody,
  BlobSource,
  FetchedManifest,
  ManifestToPut,
  PushBlobOptions,
  ReadBlobOptions,
  Repository,
  RepositoryOptions,
} from './repository.ts';
import { verifiedBlob } from './verified-blob.ts';

/** A blob that lies somewhere here. */
export interface LocalBlob {
  readonly sizeBytes: number;
  /** The bytes from `start` to before `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

/** Reading is done here; what can be written to has its own way of writing. */
export abstract class LocalRepository implements Repository {
  readonly name: string;

  protected constructor(name: string) {
    this.name = name;
  }

  protected abstract index(): Promise<LayoutIndex>;
  protected abstract blob(digest: Digest): Promise<LocalBlob | undefined>;
  abstract close(): Promise<void>;

  async resolve(reference: string, options: RepositoryOptions = {}): Promise<Descriptor | undefined> {
    checkSignal(options.signal);
    const named = (await this.index()).find(reference);
    return named ?? (isDigest(reference) ? this.#manifestBlob(reference, options) : undefined);
  }

  async manifest(reference: string, options?: RepositoryOptions): Promise<FetchedManifest | undefined> {
    const descriptor = await this.resolve(reference, options);
    return descriptor && { descriptor, bytes: await this.#manifestBytes(descriptor, options) };
  }

  async hasBlob({ digest, size }: Descriptor, options: RepositoryOptions = {}): Promise<boolean> {
    checkSignal(options.signal);
    return (await this.blob(digest))?.sizeBytes === size;
  }

  async readBlob({ digest }: Descriptor, options: ReadBlobOptions = {}): Promise<BlobBody> {
    checkSignal(options.signal);
    const blob = await this.blob(digest);
    if (blob === undefined) throw this.missing(digest);
    const offset = Math.min(options.offset ?? 0, blob.sizeBytes);
    const end = Math.min(offset + (options.length ?? Infinity), blob.sizeBytes);
    return { offset, stream: untilAborted(blob.read(offset, end), options.signal) };
  }

  async *tags(): AsyncIterable<string> {
    yield* (await this.index()).tags();
  }

  putManifest(_manifest: ManifestToPut, _tag?: string, _options?: RepositoryOptions): Promise<void> {
    return Promise.reject(this.#readOnly());
  }

  pushBlob(
    _blob: Descriptor,
    _source: BlobSource,
    _options?: PushBlobOptions,
  ): Promise<'mounted' | 'uploaded'> {
    return Promise.reject(this.#readOnly());
  }

  protected missing(digest: Digest): HyperfileError {
    return new HyperfileError('OCI_BLOB_MISSING', { data: { name: this.name, digest } });
  }

  /** A manifest that only another manifest names. */
  async #manifestBlob(digest: Digest, options?: RepositoryOptions): Promise<Descriptor | undefined> {
    const blob = await this.blob(digest);
    if (blob === undefined) return undefined;
    const unknown = { mediaType: '', digest, size: blob.sizeBytes };
    const { mediaType, artifactType } = parseManifest(
      await this.#manifestBytes(unknown, options),
      this.#nameOf(digest),
    );
    return { ...unknown, mediaType, ...(artifactType !== undefined && { artifactType }) };
  }

  async #manifestBytes(descriptor: Descriptor, options?: RepositoryOptions): Promise<Uint8Array> {
    if (descriptor.size > MAX_MANIFEST_BYTES) throw manifestTooLarge(this.#nameOf(descriptor.digest));
    const { stream } = await this.readBlob(descriptor, options);
    const pieces: Uint8Array[] = [];
    for await (const piece of verifiedBlob(stream, descriptor, this.#nameOf(descriptor.digest)))
      pieces.push(piece);
    return Buffer.concat(pieces);
  }

  #nameOf(digest: Digest): string {
    return `${this.name}@${digest}`;
  }

  #readOnly(): HyperfileError {
    return new HyperfileError('OCI_READ_ONLY', { data: { name: this.name } });
  }
}

/** @throws HyperfileError INTERRUPTED */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
}

async function* untilAborted(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    checkSignal(signal);
    yield piece;
  }
}
