/** One entry of a tar archive, everything its several headers said about it merged. */
import { HyperfileError } from '../base/error.ts';
import type { TarHeader } from '../bytes/tar-header.ts';
import type { Xattr } from './xattrs.ts';

export interface TarEntry {
  readonly kind: 'file' | 'link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'pipe';
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Length of the file once it is unpacked. */
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: readonly Xattr[];
  /** Where the stored bytes belong; absent: one piece from 0. */
  readonly pieces?: readonly SparsePiece[];
}

export type SparsePiece = readonly [offset: number, length: number];

/** What extension headers say about the next entry. */
export interface TarExtensions {
  readonly pax: ReadonlyMap<string, Buffer>;
  readonly longName?: Buffer;
  readonly longLink?: Buffer;
}

const XATTR_PREFIX = 'SCHILY.xattr.';
const LARGEST_ID = 0xffff_fffe;

/**
 * @throws HyperfileError FS_ARCHIVE_CORRUPT for numbers that are none, FS_NAME_INVALID for names that are not UTF-8
 */
export function makeTarEntry(
  header: TarHeader,
  { pax, longName, longLink }: TarExtensions,
  archive: string,
): TarEntry {
  const corrupt = (field: string): HyperfileError =>
    new HyperfileError('FS_ARCHIVE_CORRUPT', {
      data: { archive, detail: `an entry's ${field} is not a number` },
    });
  const numeric = (key: string, own: number, highest: number): number => {
    const value = pax.has(key) ? Number(pax.get(key)?.toString('latin1')) : own;
    if (!Number.isFinite(value) || value > highest || (value < 0 && key !== 'mtime')) throw corrupt(key);
    return value;
  };
  return {
    kind: header.kind === 'sparse' ? 'file' : (header.kind as TarEntry['kind']),
    name: utf8(pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? header.name),
    linkName: utf8(pax.get('linkpath') ?? longLink ?? header.linkName),
    mode: header.mode,
    uid: numeric('uid', header.uid, LARGEST_ID),
    gid: numeric('gid', header.gid, LARGEST_ID),
    sizeBytes: numeric('size', header.sizeBytes, Number.MAX_SAFE_INTEGER),
    modifiedSeconds: numeric('mtime', header.modifiedSeconds, Number.MAX_SAFE_INTEGER),
    major: header.major,
    minor: header.minor,
    xattrs: pax.size === 0 ? [] : xattrsOf(pax),
  };
}

function xattrsOf(pax: ReadonlyMap<string, Buffer>): Xattr[] {
  return [...pax]
    .filter(([key]) => key.startsWith(XATTR_PREFIX))
    .map(([key, value]) => ({ name: key.slice(XATTR_PREFIX.length), hex: value.toString('hex') }));
}

function utf8(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const reason = text.includes('\0')
    ? 'it holds a zero byte'
    : text.includes('\uFFFD')
      ? 'it is not UTF-8'
      : undefined;
  if (reason) throw new HyperfileError('FS_NAME_INVALID', { data: { name: JSON.stringify(text), reason } });
  return text;
}
