/**
 * All disks that come from one base have its identity, and their volumes have one name. Windows lets only one of them
 * online: stages side by side, a stage that copies from another, two builds, the base itself in somebody's machine, or the
 * host's own disk that the base was made of. So a difference has an identity of its own while it is mounted on the host, and
 * its system's again before anything starts from it.
 */
import { randomBytes } from 'node:crypto';
import { randomGuid } from '../../bytes/guid.ts';
import { readDiskId, writeDiskId, type DiskId } from '../../gpt/disk-id.ts';
import { openForChange } from '../../vhdx/edit/open.ts';
import { whenReleased } from './released.ts';

/** @returns the identity that its system knows; undefined when it has none, and is left as it is */
export function takeOwnIdentity(diskPath: string): DiskId | undefined {
  const disk = openForChange(diskPath);
  try {
    const id = readDiskId(disk);
    if (id !== undefined) writeDiskId(disk, another(id));
    return id;
  } finally {
    disk.close();
  }
}

/** For a disk that is mounted no more. */
export async function giveIdentityBack(diskPath: string, id: DiskId): Promise<void> {
  await whenReleased(() => {
    const disk = openForChange(diskPath);
    try {
      writeDiskId(disk, id);
    } finally {
      disk.close();
    }
  });
}

function another(id: DiskId): DiskId {
  if (id.table === 'gpt')
    return { table: 'gpt', guid: randomGuid(), partitionGuids: id.partitionGuids.map(() => randomGuid()) };
  // Zero is none.
  return { table: 'mbr', signature: randomBytes(4).readUInt32LE() || 1 };
}
