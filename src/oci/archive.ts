/**
 * A tar of an OCI layout as a repository, read without unpacking it. `docker save` writes such archives too, since it
 * puts an OCI layout beside its own files.
 */
import type { FileHandle } from 'node:fs/promises';
import { HyperfileError } from '../base/error.ts';
import { readRange } from './blob-file.ts';
import { digestHex, isDigest, type Digest } from './digest.ts';
import { Fields, type Refuse } from './fields.ts';
import { LayoutIndex } from './layout-index.ts';
import { INDEX_FILE, LAYOUT_FILE } from './layout.ts';
import { LocalRepository, type LocalBlob } from './local-repository.ts';
import type { Repository } from './repository.ts';
import { openTar } from './tar-file.ts';
import { readTarMembers, type TarMember, type TarMembers } from './tar-members.ts';

export { createArchive, type ArchiveWriter } from './archive-writer.ts';

const MAX_INDEX_BYTES = 64 * 1024 * 1024;

export interface OpenArchiveOptions {
  /** Where a compressed archive is unpacked while it is read; default: the system's folder for temporary files. */
  readonly temporaryFolder?: string;
}

/** An archive while it is open. */
export interface OpenArchive {
  readonly file: FileHandle;
  readonly members: TarMembers;
}

/**
 * Nothing is touched before the repository is used. Its methods throw, besides what {@link Repository} says,
 * OCI_ARCHIVE_INVALID, OCI_ACCESS, DISK_FULL and TOOL_MISSING.
 */
export function openArchiveForReading(file: string, options: OpenArchiveOptions = {}): Repository {
  return new OciArchive('oci-archive', file, options);
}

/** An archive that is opened when something of it is first asked for, and then knows what images it holds. */
export abstract class ArchiveRepository extends LocalRepository {
  readonly #path: string;
  readonly #options: OpenArchiveOptions;
  #opened: Promise<OpenArchive & { readonly index: LayoutIndex }> | undefined;

  constructor(kind: 'oci-archive' | 'docker-archive', file: string, options: OpenArchiveOptions) {
    super(`${kind}:${file}`);
    this.#path = file;
    this.#options = options;
  }

  override async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.file.close();
    this.#opened = undefined;
  }

  protected override async index(): Promise<LayoutIndex> {
    return (await this.open()).index;
  }

  protected open(): Promise<OpenArchive & { readonly index: LayoutIndex }> {
    this.#opened ??= openArchiveWith(this.#path, this.#options, this.name, (archive, refuse) =>
      this.readImages(archive, refuse),
    );
    return this.#opened;
  }

  /** The images of an archive that was just opened. */
  protected abstract readImages(archive: OpenArchive, refuse: Refuse): Promise<LayoutIndex>;
}

class OciArchive extends ArchiveRepository {
  protected override async blob(digest: Digest): Promise<LocalBlob | undefined> {
    if (!isDigest(digest)) return undefined;
    const { file, members } = await this.open();
    const member = members.find(`blobs/sha256/${digestHex(digest)}`);
    return member && memberBlob(file, member);
  }

  protected override readImages(archive: OpenArchive, refuse: Refuse): Promise<LayoutIndex> {
    return readIndex(archive, this.name, refuse);
  }
}

/** Opens an archive and reads something from it first; whatever fails, nothing stays open. */
async function openArchiveWith(
  file: string,
  { temporaryFolder }: OpenArchiveOptions,
  name: string,
  readFirst: (archive: OpenArchive, refuse: Refuse) => Promise<LayoutIndex>,
): Promise<OpenArchive & { readonly index: LayoutIndex }> {
  const refuse: Refuse = (reason) => new HyperfileError('OCI_ARCHIVE_INVALID', { data: { name, reason } });
  const handle = await openTar(file, refuse, temporaryFolder);
  try {
    const archive = { file: handle, members: await readTarMembers(handle, refuse) };
    return { ...archive, index: await readFirst(archive, refuse) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A small file of an archive. */
export async function readMember(
  { file, members }: OpenArchive,
  name: string,
  limitBytes: number,
  refuse: Refuse,
): Promise<Uint8Array> {
  const member = members.find(name);
  if (member === undefined) throw refuse(`it has no file ${name}`);
  if (member.sizeBytes > limitBytes) throw refuse(`${name} is too long`);
  const pieces: Uint8Array[] = [];
  for await (const piece of readRange(file, member.fileOffset, member.fileOffset + member.sizeBytes))
    pieces.push(piece);
  return Buffer.concat(pieces);
}

export function memberBlob(file: FileHandle, { fileOffset, sizeBytes }: TarMember): LocalBlob {
  return {
    sizeBytes,
    read: (start, end) => readRange(file, fileOffset + start, fileOffset + end),
  };
}

async function readIndex(archive: OpenArchive, name: string, refuse: Refuse): Promise<LayoutIndex> {
  const layout = Fields.parse(await readMember(archive, LAYOUT_FILE, MAX_INDEX_BYTES, refuse), (reason) =>
    refuse(`${LAYOUT_FILE}: ${reason}`),
  );
  if (!layout.text('imageLayoutVersion').startsWith('1.'))
    throw layout.error('imageLayoutVersion', 'one that is known');
  const index = await readMember(archive, INDEX_FILE, MAX_INDEX_BYTES, refuse);
  return LayoutIndex.parse(index, name, (reason) => refuse(`${INDEX_FILE}: ${reason}`));
}
