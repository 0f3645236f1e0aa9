/**
 * GitHub's cache service as a repository. A cache entry there is a folder: `blob-<digest>` holds one blob, and
 * `<scope>-<key>` a record's manifest together with its small config, so that a lookup is one entry.
 */
import {
  createReadStream,
  createWriteStream,
  lstatSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { HyperfileError } from '../base/error.ts';
import { removeFile, renameOver } from '../base/patience.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestFromHex, digestHex, digestOf, type Digest } from '../oci/digest.ts';
import { MAX_MANIFEST_BYTES } from '../oci/manifest.ts';
import { CACHE_CONFIG, OCI_MANIFEST } from '../oci/media-types.ts';
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
import type { CacheIo } from './cache-io.ts';
import { GhaLanes } from './gha-lanes.ts';
import type { GhaCacheOption } from './options.ts';
import { withinTime } from './time-limit.ts';

/** How long an entry may take to move; the service itself ends uploads after ten minutes. */
const ENTRY_LIMIT_MS = 10 * 60_000;
const MANIFEST_FILE = 'manifest';

/**
 * Looks for the service where the option or the runner says it is; asks it nothing yet.
 *
 * @throws HyperfileError CACHE_NO_SERVICE
 */
export function openGhaCache(option: GhaCacheOption, io: CacheIo): GhaCache {
  const url = option.url ?? io.env.ACTIONS_RESULTS_URL;
  const token = option.token ?? io.env.ACTIONS_RUNTIME_TOKEN;
  if (url && token)
    return new GhaCache(option, new GhaLanes({ url, token }, io.env, io.store.root), io.signal);
  const missing = url ? 'ACTIONS_RUNTIME_TOKEN' : 'ACTIONS_RESULTS_URL';
  throw new HyperfileError('CACHE_NO_SERVICE', {
    data: { problem: `${missing} is not set` },
    hint: 'The runner gives it to actions only, not to the commands of a job: use the action of this project, which passes it on.',
  });
}

export class GhaCache implements Repository {
  readonly name: string;
  readonly #scope: string;
  readonly #limitMs: number;
  readonly #lanes: GhaLanes;
  readonly #signal: AbortSignal;
  /** Configs of records: read with their manifests, or to be written with them. */
  readonly #configs = new Map<Digest, Uint8Array>();

  constructor(option: GhaCacheOption, lanes: GhaLanes, signal: AbortSignal) {
    this.name = option.name;
    // The service takes no commas in names.
    this.#scope = option.scope.replaceAll(',', '-');
    this.#limitMs = option.timeoutMs ?? ENTRY_LIMIT_MS;
    this.#lanes = lanes;
    this.#signal = signal;
  }

  async resolve(reference: string, options?: RepositoryOptions): Promise<Descriptor | undefined> {
    return (await this.manifest(reference, options))?.descriptor;
  }

  /** Whether a record is there, without moving it. */
  hasRecord(tag: string, options?: RepositoryOptions): Promise<boolean> {
    return this.#has(this.#recordKey(tag), options?.signal);
  }

  async manifest(reference: string, options?: RepositoryOptions): Promise<FetchedManifest | undefined> {
    const request = { action: 'restore', key: this.#recordKey(reference) } as const;
    const files = await this.#lanes.ask(request, options?.signal ?? this.#signal, { after: readSmallFiles });
    const bytes = files?.get(MANIFEST_FILE);
    if (files === undefined || bytes === undefined) return undefined;
    for (const [name, content] of files)
      if (name !== MANIFEST_FILE) this.#configs.set(digestFromHex(name), content);
    return { descriptor: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length }, bytes };
  }

  async putManifest(manifest: ManifestToPut, tag?: string, options?: RepositoryOptions): Promise<void> {
    const { config } = JSON.parse(Buffer.from(manifest.bytes).toString()) as { config: Descriptor };
    const content = this.#configs.get(config.digest);
    if (content === undefined) throw this.#missing(config.digest);
    await this.#save(this.#recordKey(tag ?? digestOf(manifest.bytes)), options?.signal, (entry) => {
      writeFileSync(path.join(entry, MANIFEST_FILE), manifest.bytes);
      writeFileSync(path.join(entry, digestHex(config.digest)), content);
      return Promise.resolve();
    });
  }

  async hasBlob({ digest }: Descriptor, options?: RepositoryOptions): Promise<boolean> {
    return this.#configs.has(digest) || this.#has(blobKey(digest), options?.signal);
  }

  async readBlob(
    { digest }: Descriptor,
    { offset = 0, length, signal }: ReadBlobOptions = {},
  ): Promise<BlobBody> {
    const config = this.#configs.get(digest);
    const end = length === undefined ? undefined : offset + length;
    if (config) return { offset, stream: Readable.from([config.subarray(offset, end)]) };
    const file = this.#lanes.newFile();
    const take = (entry: string): true => {
      renameOver(regularFile(entry, digestHex(digest)) ?? this.#isNoBlob(digest), file);
      return true;
    };
    const request = { action: 'restore', key: blobKey(digest) } as const;
    const found = await this.#timed(signal, (stop) => this.#lanes.ask(request, stop, { after: take }));
    if (found === undefined) throw this.#missing(digest);
    return { offset, stream: readAndRemove(file, offset, end) };
  }

  /** A record's config waits for its manifest; anything else is an entry of its own. */
  async pushBlob(blob: Descriptor, source: BlobSource, options: PushBlobOptions = {}): Promise<'uploaded'> {
    const content = verifiedBlob(source.read(0), blob, this.name);
    if (blob.mediaType === CACHE_CONFIG) this.#configs.set(blob.digest, await buffer(content));
    else
      await this.#save(blobKey(blob.digest), options.signal, (entry) =>
        pipeline(content, createWriteStream(path.join(entry, digestHex(blob.digest)))),
      );
    options.onSent?.(blob.size);
    return 'uploaded';
  }

  /** The service has no list of its entries. */
  async *tags(): AsyncIterable<string> {
    // Nothing.
  }

  close(): Promise<void> {
    return this.#lanes.close();
  }

  async #has(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (
      (await this.#lanes.ask({ action: 'has', key }, signal ?? this.#signal, { after: () => true })) ?? false
    );
  }

  async #save(
    key: string,
    signal: AbortSignal | undefined,
    before: (entry: string) => Promise<void>,
  ): Promise<void> {
    const request = { action: 'save', key } as const;
    await this.#timed(signal, (stop) => this.#lanes.ask(request, stop, { before, after: () => true }));
  }

  #timed<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withinTime(this.#limitMs, signal ?? this.#signal, work);
  }

  #recordKey(tag: string): string {
    return `${this.#scope}-${tag}`;
  }

  #missing(digest: Digest): HyperfileError {
    return new HyperfileError('OCI_BLOB_MISSING', { data: { name: this.name, digest } });
  }

  #isNoBlob(digest: Digest): never {
    throw this.#missing(digest);
  }
}

function blobKey(digest: Digest): string {
  return `blob-${digest}`;
}

/** A file that an entry really holds: what was unpacked may be a link or a device. */
function regularFile(folder: string, name: string): string | undefined {
  const file = path.join(folder, name);
  return lstatSync(folder).isDirectory() && lstatSync(file, { throwIfNoEntry: false })?.isFile()
    ? file
    : undefined;
}

function readSmallFiles(entry: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  if (!lstatSync(entry, { throwIfNoEntry: false })?.isDirectory()) return files;
  for (const name of readdirSync(entry)) {
    const file = regularFile(entry, name);
    const isRecord = name === MANIFEST_FILE || /^[0-9a-f]{64}$/.test(name);
    if (file && isRecord && lstatSync(file).size <= MAX_MANIFEST_BYTES) files.set(name, readFileSync(file));
  }
  return files;
}

async function* readAndRemove(
  file: string,
  start: number,
  end: number | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    if (end === undefined || end > start)
      yield* createReadStream(file, {
        start,
        ...(end !== undefined && { end: end - 1 }),
      }) as AsyncIterable<Uint8Array>;
  } finally {
    removeFile(file);
  }
}
