/**
 * A folder that holds images by their digests (image-spec, image-layout.md) as a repository. Any number of processes may
 * write to one: a blob gets its name only when it is whole and has the right digest, and the index is changed under a
 * lock.
 */
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { removeAbandoned, replaceFile, unfinishedName } from '../base/atomic-file.ts';
import { HyperfileError, systemCode } from '../base/error.ts';
import { withLock } from '../base/lock.ts';
import { removeFile, renameOver } from '../base/patience.ts';
import { fileError, readRange, writeBlob } from './blob-file.ts';
import type { Descriptor } from './descriptor.ts';
import { digestHex, isDigest, type Digest } from './digest.ts';
import { Fields } from './fields.ts';
import { LayoutIndex } from './layout-index.ts';
import type { LocalBlob } from './local-repository.ts';
import type { BlobSource, PushBlobOptions, Repository, RepositoryOptions } from './repository.ts';
import { WritableRepository } from './writable-repository.ts';

export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';
/** Canonical, so that archives are the same everywhere. */
export const LAYOUT_TEXT = '{"imageLayoutVersion":"1.0.0"}';

const BLOBS = path.join('blobs', 'sha256');
const LOCK = '.index.lock';
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

export interface LayoutOptions {
  /** A folder that is no layout yet becomes one with the first thing that is written to it. */
  readonly create?: boolean;
}

/**
 * Nothing is touched before the repository is used. Its methods throw, besides what {@link Repository} says,
 * OCI_LAYOUT_INVALID, OCI_ACCESS, DISK_FULL and INTERRUPTED.
 */
export function openLayout(folder: string, options: LayoutOptions = {}): Repository {
  return new Layout(folder, options.create ?? false);
}

class Layout extends WritableRepository {
  readonly #folder: string;
  readonly #create: boolean;
  #known: { readonly stamp: string; readonly index: LayoutIndex } | undefined;
  #isChecked = false;
  #isPrepared = false;

  constructor(folder: string, create: boolean) {
    super(`oci:${folder}`);
    this.#folder = path.resolve(folder);
    this.#create = create;
  }

  override async pushBlob(
    blob: Descriptor,
    source: BlobSource,
    options: PushBlobOptions = {},
  ): Promise<'uploaded'> {
    const target = this.#blobFile(blob.digest);
    await this.#prepare();
    const unfinished = unfinishedName(path.join(this.#folder, INDEX_FILE));
    try {
      const file = await open(unfinished, 'wx');
      try {
        await writeBlob(file, 0, blob, source, `${this.name}@${blob.digest}`, options);
      } finally {
        await file.close();
      }
      renameOver(unfinished, target);
    } catch (error) {
      removeFile(unfinished);
      throw fileError(target, error);
    }
    return 'uploaded';
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  protected override async index(): Promise<LayoutIndex> {
    await this.#check();
    const file = path.join(this.#folder, INDEX_FILE);
    const stat = regularFile(file, this.name);
    if (stat === undefined) return LayoutIndex.empty;
    const stamp = [stat.ino, stat.size, stat.mtimeMs].join();
    if (this.#known?.stamp === stamp) return this.#known.index;
    if (stat.size > MAX_INDEX_BYTES) throw invalid(this.name, `${INDEX_FILE} is too long`);
    const index = LayoutIndex.parse(await readWhole(file), this.name, (reason) =>
      invalid(this.name, `${INDEX_FILE}: ${reason}`),
    );
    this.#known = { stamp, index };
    return index;
  }

  protected override async blob(digest: Digest): Promise<LocalBlob | undefined> {
    await this.#check();
    const file = this.#blobFile(digest);
    const stat = regularFile(file, this.name);
    return stat && { sizeBytes: stat.size, read: (start, end) => readFileRange(file, start, end) };
  }

  #blobFile(digest: Digest): string {
    if (!isDigest(digest))
      throw new HyperfileError('OCI_DIGEST_UNSUPPORTED', { data: { name: this.name, digest } });
    return path.join(this.#folder, BLOBS, digestHex(digest));
  }

  protected override async changeIndex(
    change: (index: LayoutIndex) => LayoutIndex,
    { signal }: RepositoryOptions,
  ): Promise<void> {
    const lock = path.join(this.#folder, LOCK);
    try {
      await withLock(lock, signal ? { signal } : {}, async () => {
        this.#known = undefined;
        replaceFile(path.join(this.#folder, INDEX_FILE), change(await this.index()).encode());
      });
    } catch (error) {
      throw fileError(this.#folder, error);
    }
  }

  /** Is this a layout, and does nothing in it lead out of the folder? */
  async #check(): Promise<void> {
    if (this.#isChecked) return;
    const file = path.join(this.#folder, LAYOUT_FILE);
    if (regularFile(file, this.name) === undefined) {
      if (this.#create) return;
      throw invalid(this.name, `there is no file ${LAYOUT_FILE} in the folder`);
    }
    for (const inner of [BLOBS, path.dirname(BLOBS)]) checkFolder(path.join(this.#folder, inner), this.name);
    const fields = Fields.parse(await readWhole(file), (reason) =>
      invalid(this.name, `${LAYOUT_FILE}: ${reason}`),
    );
    if (!fields.text('imageLayoutVersion').startsWith('1.'))
      throw fields.error('imageLayoutVersion', 'one that is known');
    this.#isChecked = true;
  }

  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    await this.#check();
    try {
      mkdirSync(path.join(this.#folder, BLOBS), { recursive: true });
      if (!this.#isChecked) {
        replaceFile(path.join(this.#folder, LAYOUT_FILE), LAYOUT_TEXT);
        await this.changeIndex((index) => index, {});
      }
      removeAbandoned(this.#folder);
    } catch (error) {
      throw fileError(this.#folder, error);
    }
    this.#isPrepared = true;
  }
}

/** Links would lead to files that are nobody's to read, pipes would never end. */
function regularFile(file: string, name: string): Stats | undefined {
  const stat = statIfThere(file);
  if (stat !== undefined && !stat.isFile()) throw invalid(name, `${file} is not a plain file`);
  return stat;
}

function checkFolder(folder: string, name: string): void {
  const stat = statIfThere(folder);
  if (stat !== undefined && !stat.isDirectory()) throw invalid(name, `${folder} is not a plain folder`);
}

function statIfThere(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined;
    throw fileError(file, error);
  }
}

async function readWhole(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw fileError(file, error);
  }
}

async function* readFileRange(file: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const handle = await open(file).catch((error: unknown) => {
    throw fileError(file, error);
  });
  try {
    yield* readRange(handle, start, end);
  } finally {
    await handle.close();
  }
}

function invalid(name: string, reason: string): HyperfileError {
  return new HyperfileError('OCI_LAYOUT_INVALID', { data: { name, reason } });
}
