/**
 * Reparse points: what NTFS has for symbolic links, junctions and mount points, and for files whose data some filter
 * of Windows keeps elsewhere (MS-FSCC 2.1.2).
 */
import { readlinkSync } from 'node:fs';
import { systemCode } from '../../base/error.ts';
import { hostSystem } from '../../base/host-platform.ts';
import { readAttribute } from '../../base/spawn.ts';

export type ReparsePoint =
  | { readonly kind: 'link'; readonly text: string }
  /** `tag` names its kind, as far as that is known. */
  | { readonly kind: 'other'; readonly tag: string };

const TAG = { mountPoint: 0xa000_0003, symbolicLink: 0xa000_000c } as const;
const OTHER_TAGS: Readonly<Record<number, string>> = {
  0x8000_0013: 'a deduplicated file',
  0x8000_0017: 'a compressed system file',
  0x8000_001b: 'an app’s alias',
  0xa000_001d: 'a link of the Linux subsystem',
};
/** OneDrive and the like: 0x9000?01A. */
const CLOUD_TAGS = /^9000.01a$/;
const HEAD_BYTES = 8;

/** A link's text, or what else a reparse point is; read from a volume that this host has mounted. */
export function readReparsePoint(hostPath: string): ReparsePoint {
  // ntfs-3g makes a path of this host of a target, and a link of everything; Windows gives it as it is.
  const data = hostSystem() === 'linux' ? readAttribute(hostPath, 'system.ntfs_reparse_data') : undefined;
  if (data) return parseReparseData(data);
  try {
    return { kind: 'link', text: readlinkSync(hostPath) };
  } catch (error) {
    // Node reads only links and junctions to drives.
    if (!['EINVAL', 'UNKNOWN'].includes(systemCode(error) ?? '')) throw error;
    return { kind: 'other', tag: 'not a link' };
  }
}

/** Reads REPARSE_DATA_BUFFER. */
export function parseReparseData(data: Buffer): ReparsePoint {
  const tag = data.length < HEAD_BYTES ? 0 : data.readUInt32LE(0);
  const isSymbolicLink = tag === TAG.symbolicLink;
  if (!isSymbolicLink && tag !== TAG.mountPoint) return { kind: 'other', tag: describeTag(tag) };
  // Two names by offset and length: the one that counts, and the one to show. A symbolic link has flags before them.
  const names = HEAD_BYTES + (isSymbolicLink ? 12 : 8);
  if (data.length < names) return { kind: 'other', tag: 'a damaged link' };
  const start = names + data.readUInt16LE(HEAD_BYTES);
  const end = start + data.readUInt16LE(HEAD_BYTES + 2);
  if (end > data.length || end === start) return { kind: 'other', tag: 'a damaged link' };
  return { kind: 'link', text: data.toString('utf16le', start, end) };
}

function describeTag(tag: number): string {
  const hex = tag.toString(16).padStart(8, '0');
  return OTHER_TAGS[tag] ?? (CLOUD_TAGS.test(hex) ? 'a placeholder of cloud storage' : `kind 0x${hex}`);
}
