/** A repository in memory, for tests: it logs what it is asked for and breaks where it is told to. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HyperfileError } from '../../src/base/error.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf, isDigest, type Digest } from '../../src/oci/digest.ts';
import type {
  BlobBody,
  BlobSource,
  FetchedManifest,
  ManifestToPut,
  PushBlobOptions,
  ReadBlobOptions,
  Repository,
  RepositoryOptions,
} from '../../src/oci/repository.ts';

export interface MemoryRequest {
  readonly kind: 'resolve' | 'manifest' | 'putManifest' | 'hasBlob' | 'readBlob' | 'pushBlob' | 'tags';
  /** A tag or a digest. */
  readonly target: string;
  /** Of `readBlob`: where to begin. */
  readonly offset?: number;
}

export interface MemoryRepositoryOptions {
  readonly name?: string;
  readonly host?: string;
  /** Repositories of the same host, from which blobs can be mounted. */
  readonly neighbours?: readonly MemoryRepository[];
  /** False: `readBlob` always begins at 0. */
  readonly canSeek?: boolean;
  readonly chunkBytes?: number;
}

export class MemoryRepository implements Repository {
  readonly name: string;
  readonly host?: string;
  /** What it holds; tests read and change these as they like. */
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly manifests = new Map<Digest, ManifestToPut>();
  readonly tagged = new Map<string, Digest>();
  /** Everything that was asked for, in order. */
  readonly requests: MemoryRequest[] = [];
  /** Called before every request is answered: it may throw (the request fails) or wait. */
  onRequest?: (request: MemoryRequest) => void | Promise<void>;
  /** Called for every piece of a blob that is read or pushed: gives it back, changed or not, or throws. */
  onPiece?: (piece: Uint8Array, at: { request: MemoryRequest; offset: number }) => Uint8Array;
  readonly #options: MemoryRepositoryOptions;

  constructor(options: MemoryRepositoryOptions = {}) {
    this.#options = options;
    this.name = options.name ?? 'memory';
    if (options.host !== undefined) this.host = options.host;
  }

  /** How often something of this kind (and target) was asked for. */
  count(kind: MemoryRequest['kind'], target?: string): number {
    return this.requests.filter((r) => r.kind === kind && (target === undefined || r.target === target))
      .length;
  }

  /** Puts a blob there without a request. */
  addBlob(bytes: Uint8Array, mediaType = 'application/octet-stream'): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  async resolve(reference: string, options?: RepositoryOptions): Promise<Descriptor | undefined> {
    await this.#request({ kind: 'resolve', target: reference }, options);
    return this.#find(reference)?.descriptor;
  }

  async manifest(reference: string, options?: RepositoryOptions): Promise<FetchedManifest | undefined> {
    await this.#request({ kind: 'manifest', target: reference }, options);
    return this.#find(reference);
  }

  async putManifest(manifest: ManifestToPut, tag?: string, options?: RepositoryOptions): Promise<void> {
    const digest = digestOf(manifest.bytes);
    await this.#request({ kind: 'putManifest', target: tag ?? digest }, options);
    for (const needed of digestsIn(manifest.bytes))
      if (!this.blobs.has(needed) && !this.manifests.has(needed)) throw this.#missing(needed);
    this.manifests.set(digest, manifest);
    if (tag !== undefined) this.tagged.set(tag, digest);
  }

  async hasBlob(blob: Descriptor, options?: RepositoryOptions): Promise<boolean> {
    await this.#request({ kind: 'hasBlob', target: blob.digest }, options);
    return this.blobs.has(blob.digest);
  }

  async readBlob(blob: Descriptor, options: ReadBlobOptions = {}): Promise<BlobBody> {
    const request: MemoryRequest = { kind: 'readBlob', target: blob.digest, offset: options.offset ?? 0 };
    await this.#request(request, options);
    const bytes = this.blobs.get(blob.digest);
    if (bytes === undefined) throw this.#missing(blob.digest);
    const seeks = this.#options.canSeek ?? true;
    const offset = seeks ? (options.offset ?? 0) : 0;
    const end = seeks && options.length !== undefined ? offset + options.length : bytes.length;
    return { offset, stream: this.#pieces(bytes.subarray(0, end), offset, request, options.signal) };
  }

  async pushBlob(
    blob: Descriptor,
    source: BlobSource,
    options: PushBlobOptions = {},
  ): Promise<'mounted' | 'uploaded'> {
    const request: MemoryRequest = { kind: 'pushBlob', target: blob.digest };
    await this.#request(request, options);
    const from = this.#options.neighbours?.find(
      (other) => options.mountFrom?.includes(other.name) === true && other.blobs.has(blob.digest),
    );
    if (from !== undefined) {
      this.blobs.set(blob.digest, from.blobs.get(blob.digest) ?? new Uint8Array());
      return 'mounted';
    }
    const pieces: Uint8Array[] = [];
    let offset = 0;
    for await (const piece of source.read(0)) {
      options.signal?.throwIfAborted();
      pieces.push(Buffer.from(this.onPiece?.(piece, { request, offset }) ?? piece));
      offset += piece.length;
      options.onSent?.(offset);
    }
    this.#store(blob, Buffer.concat(pieces));
    return 'uploaded';
  }

  async *tags(options?: RepositoryOptions): AsyncIterable<string> {
    await this.#request({ kind: 'tags', target: '' }, options);
    yield* this.tagged.keys();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #store(blob: Descriptor, bytes: Uint8Array): void {
    const found = digestOf(bytes);
    if (found !== blob.digest || bytes.length !== blob.size) {
      const data = { name: this.name, expected: blob.digest, found };
      throw new HyperfileError('OCI_DIGEST_MISMATCH', { data });
    }
    this.blobs.set(blob.digest, bytes);
  }

  async *#pieces(
    bytes: Uint8Array,
    from: number,
    request: MemoryRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const chunkBytes = this.#options.chunkBytes ?? 64 * 1024;
    for (let offset = from; offset < bytes.length; offset += chunkBytes) {
      await nextTurn();
      if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
      const piece = bytes.subarray(offset, offset + chunkBytes);
      yield this.onPiece?.(Buffer.from(piece), { request, offset }) ?? piece;
    }
  }

  #find(reference: string): FetchedManifest | undefined {
    const digest = isDigest(reference) ? reference : this.tagged.get(reference);
    const found = digest === undefined ? undefined : this.manifests.get(digest);
    if (digest === undefined || found === undefined) return undefined;
    const { mediaType, bytes } = found;
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  }

  async #request(request: MemoryRequest, options?: RepositoryOptions): Promise<void> {
    this.requests.push(request);
    await nextTurn();
    if (options?.signal?.aborted) throw new HyperfileError('INTERRUPTED');
    await this.onRequest?.(request);
  }

  #missing(digest: Digest): HyperfileError {
    return new HyperfileError('OCI_BLOB_MISSING', { data: { name: this.name, digest } });
  }
}

/** What a manifest says must be there; nothing when it is no JSON. */
function digestsIn(bytes: Uint8Array): Digest[] {
  try {
    const manifest = JSON.parse(Buffer.from(bytes).toString()) as {
      config?: Descriptor;
      layers?: Descriptor[];
      manifests?: Descriptor[];
    };
    const { config, layers = [], manifests = [] } = manifest;
    return [...(config ? [config] : []), ...layers, ...manifests].map(({ digest }) => digest);
  } catch {
    return [];
  }
}
