/**
 * Writes images into a tar of an OCI layout. The same images give the same archive, byte for byte, whatever the order in
 * which their blobs arrive: these are kept in a file without a name until the archive is closed, which then comes into
 * being whole.
 */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { removeAbandoned, unfinishedName } from '../base/atomic-file.ts';
import { removeFile, renameOver } from '../base/patience.ts';
import { TAR_END, tarPadding } from '../bytes/encode-tar.ts';
import { fileError, readRange, writeAll, writeBlob } from './blob-file.ts';
import type { Descriptor } from './descriptor.ts';
import { digestHex, type Digest } from './digest.ts';
import { LayoutIndex } from './layout-index.ts';
import { INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT } from './layout.ts';
import type { LocalBlob } from './local-repository.ts';
import type { BlobSource, PushBlobOptions, Repository } from './repository.ts';
import { openNameless, tarHeader } from './tar-file.ts';
import type { TarMember } from './tar-members.ts';
import { WritableRepository } from './writable-repository.ts';

/**
 * `close` writes the archive, in the place of a file of that name, when it has any image and nothing that was to go into
 * it failed.
 */
export interface ArchiveWriter extends Repository {
  /** Ends without writing an archive: something went wrong. */
  abandon(): Promise<void>;
}

/**
 * Nothing is touched before something is written. The methods throw, besides what {@link Repository} says, OCI_ACCESS,
 * DISK_FULL and INTERRUPTED.
 */
export function createArchive(file: string): ArchiveWriter {
  return new NewArchive(file);
}

class NewArchive extends WritableRepository implements ArchiveWriter {
  readonly #path: string;
  readonly #blobs = new Map<Digest, TarMember>();
  readonly #failed = new Set<Digest>();
  #index = LayoutIndex.empty;
  #spool: Promise<FileHandle> | undefined;
  #spoolBytes = 0;

  constructor(file: string) {
    super(`oci-archive:${file}`);
    this.#path = path.resolve(file);
  }

  override async pushBlob(
    blob: Descriptor,
    source: BlobSource,
    options: PushBlobOptions = {},
  ): Promise<'uploaded'> {
    if (await this.hasBlob(blob)) return 'uploaded';
    const fileOffset = this.#spoolBytes;
    this.#spoolBytes += blob.size;
    try {
      const spool = await this.#openSpool();
      await writeBlob(spool, fileOffset, blob, source, `${this.name}@${blob.digest}`, options);
    } catch (error) {
      this.#failed.add(blob.digest);
      throw fileError(this.#path, error);
    }
    this.#failed.delete(blob.digest);
    this.#blobs.set(blob.digest, { fileOffset, sizeBytes: blob.size });
    return 'uploaded';
  }

  async abandon(): Promise<void> {
    const spool = await this.#spool?.catch(() => undefined);
    await spool?.close();
    this.#spool = undefined;
    this.#index = LayoutIndex.empty;
    this.#blobs.clear();
  }

  override async close(): Promise<void> {
    try {
      const spool = await this.#spool?.catch(() => undefined);
      const isWhole = this.#failed.size === 0 && this.#index.descriptors.length > 0;
      if (spool !== undefined && isWhole) await this.#write(spool);
    } finally {
      await this.abandon();
    }
  }

  protected override index(): Promise<LayoutIndex> {
    return Promise.resolve(this.#index);
  }

  protected override changeIndex(change: (index: LayoutIndex) => LayoutIndex): Promise<void> {
    this.#index = change(this.#index);
    return Promise.resolve();
  }

  protected override async blob(digest: Digest): Promise<LocalBlob | undefined> {
    const place = this.#blobs.get(digest);
    if (place === undefined) return undefined;
    const spool = await this.#openSpool();
    const { fileOffset, sizeBytes } = place;
    return { sizeBytes, read: (start, end) => readRange(spool, fileOffset + start, fileOffset + end) };
  }

  #openSpool(): Promise<FileHandle> {
    const folder = path.dirname(this.#path);
    this.#spool ??= openNameless(folder);
    return this.#spool;
  }

  async #write(spool: FileHandle): Promise<void> {
    const unfinished = unfinishedName(this.#path);
    try {
      removeAbandoned(path.dirname(this.#path));
      const file = await open(unfinished, 'wx');
      try {
        await writeMembers(file, this.#members(spool));
      } finally {
        await file.close();
      }
      renameOver(unfinished, this.#path);
    } catch (error) {
      removeFile(unfinished);
      throw fileError(this.#path, error);
    }
  }

  *#members(spool: FileHandle): Generator<NewMember> {
    yield textMember(LAYOUT_FILE, LAYOUT_TEXT);
    yield textMember(INDEX_FILE, this.#index.encode());
    yield { name: 'blobs/', sizeBytes: 0, content: [] };
    yield { name: 'blobs/sha256/', sizeBytes: 0, content: [] };
    for (const digest of [...this.#blobs.keys()].sort()) {
      const { fileOffset = 0, sizeBytes = 0 } = this.#blobs.get(digest) ?? {};
      const content = readRange(spool, fileOffset, fileOffset + sizeBytes);
      yield { name: `blobs/sha256/${digestHex(digest)}`, sizeBytes, content };
    }
  }
}

interface NewMember {
  readonly name: string;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

function textMember(name: string, text: string): NewMember {
  const bytes = Buffer.from(text);
  return { name, sizeBytes: bytes.length, content: [bytes] };
}

async function writeMembers(file: FileHandle, members: Iterable<NewMember>): Promise<void> {
  let at = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    await writeAll(file, bytes, at);
    at += bytes.length;
  };
  for (const { name, sizeBytes, content } of members) {
    await write(tarHeader(name, sizeBytes));
    for await (const piece of content) await write(piece);
    await write(tarPadding(sizeBytes));
  }
  await write(TAR_END);
}
