/**
 * Where the members of a plain tar archive lie in its file, so that each can be read on its own. Nothing is ever
 * unpacked under a member's name: names are only looked up.
 */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { BLOCK_BYTES, decodePax, decodeTarHeader, type TarHeader } from '../bytes/tar-header.ts';
import type { Refuse } from './fields.ts';

export interface TarMember {
  readonly fileOffset: number;
  readonly sizeBytes: number;
}

type Entry = TarMember | { readonly linkTo: string };

/** Names from extended headers, which are kept in memory. */
const MAX_EXTENSION_BYTES = 1024 * 1024;
const MAX_MEMBERS = 200_000;
const MAX_LINKS = 16;

export class TarMembers {
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  /** A file of the archive, links followed. */
  find(name: string): TarMember | undefined {
    let entry = this.#entries.get(normal(name));
    for (let links = 0; entry !== undefined && 'linkTo' in entry && links < MAX_LINKS; links++)
      entry = this.#entries.get(entry.linkTo);
    return entry === undefined || 'linkTo' in entry ? undefined : entry;
  }
}

/**
 * Reads the headers of a whole archive.
 *
 * @param refuse makes the error for what is wrong with it
 */
export async function readTarMembers(file: FileHandle, refuse: Refuse): Promise<TarMembers> {
  const entries = new Map<string, Entry>();
  const fileBytes = (await file.stat()).size;
  let extensions: Extensions = {};
  let count = 0;
  for (let at = 0; ;) {
    const block = await readAt(file, at, BLOCK_BYTES, refuse);
    if (block.every((byte) => byte === 0)) return new TarMembers(entries);
    const header = decodeTarHeader(block);
    if (header === undefined || !(header.sizeBytes >= 0))
      throw refuse(at === 0 ? 'it is not a tar archive' : 'a header of the tar archive is broken');
    if (++count > MAX_MEMBERS) throw refuse(`it has more than ${MAX_MEMBERS} members`);
    const dataOffset = at + BLOCK_BYTES;
    const sizeBytes = dataBytes(header, extensions, refuse);
    if (dataOffset + sizeBytes > fileBytes) throw refuse('it is cut short');
    if (isExtension(header)) {
      if (sizeBytes > MAX_EXTENSION_BYTES) throw refuse('an extended header is too long');
      const data = await readAt(file, dataOffset, sizeBytes, refuse);
      extensions = { ...extensions, ...readExtension(header, data, refuse) };
    } else {
      addEntry(entries, header, extensions, { fileOffset: dataOffset, sizeBytes });
      extensions = {};
    }
    at = dataOffset + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

/** What headers before a member say about it. */
interface Extensions {
  readonly name?: string;
  readonly linkName?: string;
  readonly sizeBytes?: number;
  readonly isSparse?: boolean;
}

function isExtension({ kind }: TarHeader): boolean {
  return kind === 'pax' || kind === 'pax-global' || kind === 'long-name' || kind === 'long-link';
}

function dataBytes(header: TarHeader, extensions: Extensions, refuse: Refuse): number {
  // Links have no data, whatever size some programs write.
  if (header.kind === 'link' || header.kind === 'symlink') return 0;
  const sizeBytes = isExtension(header) ? header.sizeBytes : (extensions.sizeBytes ?? header.sizeBytes);
  if (!Number.isSafeInteger(sizeBytes)) throw refuse('a size in the tar archive makes no sense');
  return sizeBytes;
}

function readExtension(header: TarHeader, data: Buffer, refuse: Refuse): Extensions {
  switch (header.kind) {
    case 'long-name':
      return { name: untilZero(data) };
    case 'long-link':
      return { linkName: untilZero(data) };
    case 'pax':
      return readPax(data, refuse);
    default:
      // Global headers hold comments; none of the programs that write images puts more into one.
      return {};
  }
}

function readPax(data: Buffer, refuse: Refuse): Extensions {
  const records = decodePax(data);
  if (records === undefined) throw refuse('an extended header is broken');
  const name = records.get('path')?.toString();
  const linkName = records.get('linkpath')?.toString();
  const size = records.get('size')?.toString('latin1');
  if (size !== undefined && !/^\d{1,16}$/.test(size))
    throw refuse('a size in the tar archive makes no sense');
  return {
    ...(name !== undefined && { name }),
    ...(linkName !== undefined && { linkName }),
    ...(size !== undefined && { sizeBytes: Number(size) }),
    ...([...records.keys()].some((key) => key.startsWith('GNU.sparse.')) && { isSparse: true }),
  };
}

/** Of two members of one name the later counts, as when an archive is unpacked. */
function addEntry(
  entries: Map<string, Entry>,
  header: TarHeader,
  extensions: Extensions,
  member: TarMember,
): void {
  const name = normal(extensions.name ?? header.name.toString());
  const linkName = extensions.linkName ?? header.linkName.toString();
  entries.delete(name);
  if (header.kind === 'file' && extensions.isSparse !== true) entries.set(name, member);
  if (header.kind === 'link') entries.set(name, { linkTo: normal(linkName) });
  if (header.kind === 'symlink')
    entries.set(name, { linkTo: normal(posix.join(posix.dirname(name), linkName)) });
}

/** `./a//b/` is `a/b`. What leads out of the archive keeps its `..`, and is the name of nothing. */
function normal(name: string): string {
  return posix.normalize(name).replace(/^\.\/|\/$/g, '');
}

function untilZero(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('utf8', 0, end < 0 ? data.length : end);
}

async function readAt(file: FileHandle, offset: number, length: number, refuse: Refuse): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw refuse('it is cut short');
    done += bytesRead;
  }
  return buffer;
}
