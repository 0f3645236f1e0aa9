/** A directory's entries as READDIR wants them: `struct fuse_dirent`, each padded to 8 bytes. */
import type { ReplyBuffer } from './reply.ts';

export interface DirectoryEntry {
  readonly nodeId: number;
  readonly name: string;
  readonly mode: number;
}

const ENTRY_HEADER_BYTES = 24;

/**
 * Puts as many entries as fit into `roomBytes`, starting with number `first`, and returns the payload's length.
 * Each entry carries the number of the one after it, which is where the kernel asks on.
 */
export function putDirectory(
  reply: ReplyBuffer,
  entries: readonly DirectoryEntry[],
  first: number,
  roomBytes: number,
): number {
  let at = 0;
  for (let index = first; index < entries.length; index++) {
    const entry = entries[index];
    const name = Buffer.from(entry.name);
    const entryBytes = Math.ceil((ENTRY_HEADER_BYTES + name.length) / 8) * 8;
    if (at + entryBytes > roomBytes) break;
    reply.payload(at + entryBytes).fill(0, at);
    reply.u64(at, entry.nodeId);
    reply.u64(at + 8, index + 1);
    reply.u32(at + 16, name.length);
    reply.u32(at + 20, entry.mode >>> 12);
    name.copy(reply.payload(at + entryBytes), at + ENTRY_HEADER_BYTES);
    at += entryBytes;
  }
  return at;
}
