/** The sources of a COPY as a tar archive, made as it is sent: names, modes and owners as they shall be in the guest. */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { encodeTarHeader, tarPadding, TAR_END, type TarMember } from '../../../bytes/encode-tar.ts';
import type { CopyRequest } from '../../../fs/guest-files.ts';
import { fileIdentity } from '../../../fs/file-identity.ts';
import type { FileBytes } from '../../../fs/file-content.ts';
import type { FileStat } from '../../../fs/file-stat.ts';
import { parseModeChange } from '../../../fs/mode-change.ts';
import { bytesIn, modeIn, readLinkIn, xattrsIn } from '../../../fs/read-source.ts';
import type { SourceTree } from '../../../fs/source-tree.ts';
import type { Source } from '../../../fs/sources.ts';
import { deviceNumbers } from '../../../fs/special-files.ts';
import { asFsError } from '../../../fs/system-error.ts';
import { walkSource } from '../../../fs/walk.ts';
import type { Xattr } from '../../../fs/xattrs.ts';

/** What lies in a tree, and what it is called in the archive. */
export interface Packed {
  readonly name: string;
  readonly hostPath: string;
  readonly stat: FileStat;
}

/**
 * What sources bring: a directory what it holds, anything else itself.
 *
 * @param fileName what a file is called that goes to a name of its own
 */
export function* packedOf(
  tree: SourceTree,
  sources: readonly Source[],
  fileName: string | undefined,
): Generator<Packed, void, undefined> {
  for (const source of sources) {
    const { hostPath, stat, baseName } = source;
    if (!stat.isDirectory()) yield { name: fileName ?? baseName, hostPath, stat };
    else
      for (const entry of walkSource(tree, source))
        yield { name: entry.relativePath, hostPath: entry.hostPath, stat: entry.stat };
  }
}

/** The archive of what is given, in order. Hard links between files are kept. */
export async function* packSources(
  entries: readonly Packed[],
  request: Pick<CopyRequest, 'from' | 'owner' | 'mode'>,
): AsyncGenerator<Buffer, void, undefined> {
  const xattrs = await xattrsIn(
    request.from,
    entries.map(({ hostPath }) => hostPath),
  );
  const firstNames = new Map<string, string>();
  for (const entry of entries) {
    const { name, hostPath, stat } = entry;
    const identity = stat.nlink > 1 && !stat.isDirectory() ? fileIdentity(stat, hostPath) : undefined;
    const first = identity === undefined ? undefined : firstNames.get(identity);
    if (identity !== undefined && first === undefined) firstNames.set(identity, name);
    const member = memberOf(entry, request, { first, xattrs: xattrs.get(hostPath) });
    yield encodeTarHeader(member);
    if (member.sizeBytes > 0) yield* fileContent(bytesIn(request.from, hostPath), member.sizeBytes);
  }
  yield TAR_END;
}

function memberOf(
  { name, hostPath, stat }: Packed,
  { from, owner, mode }: Pick<CopyRequest, 'from' | 'owner' | 'mode'>,
  { first, xattrs }: { readonly first: string | undefined; readonly xattrs: readonly Xattr[] | undefined },
): TarMember {
  const ownMode = modeIn(from, stat);
  const kept = from.keepOwners ? { uid: stat.uid, gid: stat.gid } : { uid: 0, gid: 0 };
  const about = {
    name: name + (stat.isDirectory() ? '/' : ''),
    ...(owner ?? kept),
    mode: mode === undefined ? ownMode : parseModeChange(mode)(ownMode, stat.isDirectory()),
    sizeBytes: 0,
    modifiedSeconds: stat.mtimeMs / 1000,
  };
  if (first !== undefined) return { ...about, kind: 'link', linkName: first };
  if (stat.isSymbolicLink()) return { ...about, kind: 'symlink', linkName: readLinkIn(from, hostPath) };
  const more = { ...about, ...(xattrs && { xattrs }) };
  if (stat.isDirectory()) return { ...more, kind: 'directory' };
  if (stat.isFile()) return { ...more, kind: 'file', sizeBytes: stat.size };
  const kind = stat.isFIFO() ? 'pipe' : stat.isBlockDevice() ? 'block-device' : 'character-device';
  return { ...more, kind, ...deviceNumbers(stat.rdev) };
}

/** As many bytes as were announced, also when somebody writes to the file meanwhile. */
async function* fileContent(
  { hostPath, part }: FileBytes,
  sizeBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let missing = sizeBytes;
  const start = part?.offset ?? 0;
  try {
    for await (const chunk of createReadStream(hostPath, { start, end: start + sizeBytes - 1 })) {
      missing -= (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  } catch (error) {
    throw asFsError(error, 'reading', path.basename(hostPath));
  }
  for (; missing > 0; missing -= Math.min(missing, 65536)) yield Buffer.alloc(Math.min(missing, 65536));
  yield tarPadding(sizeBytes);
}
