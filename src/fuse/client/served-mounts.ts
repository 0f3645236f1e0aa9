/** The mounts of disk servers: how they are made, told from others, and removed. */
import { readFile, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { ownerTag } from '../../base/owner.ts';
import { runQuickly } from '../../base/spawn.ts';

/** The file system type that tells our mounts from others. */
export const MOUNT_TYPE = 'fuse.hyperfile';
/** The source of a mount is this and the tag of the process that started its server. */
const SOURCE_PREFIX = 'hyperfile-';

export interface ServedMount {
  readonly mountPoint: string;
  readonly source: string;
}

/**
 * The arguments that make mount(8) mount the FUSE connection it is given as file descriptor 3.
 * `-i`: by the kernel alone, never through a helper program of a FUSE package.
 */
export function mountArguments(mountPoint: string): string[] {
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,nosuid,nodev,noexec,noatime';
  return ['-i', '-t', MOUNT_TYPE, '-o', options, SOURCE_PREFIX + ownerTag(), mountPoint];
}

/** The tag (see base/owner.ts) of the process that a mount belongs to. */
export function ownerOf({ source }: ServedMount): string {
  return source.slice(SOURCE_PREFIX.length);
}

/** What disk servers show below a folder. proc(5): field 5 of a line is the mount point; type and source follow the lone dash. */
export async function servedMounts(folder: string): Promise<ServedMount[]> {
  const prefix = path.resolve(folder) + path.sep;
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines
    .map((line) => line.split(' - ').map((half) => half.split(' ')))
    .filter(([, after]) => after?.[0] === MOUNT_TYPE)
    .map(([before, after]) => ({ mountPoint: unescapePath(before[4]), source: after[1] }))
    .filter(({ mountPoint }) => mountPoint.startsWith(prefix));
}

/** The kernel writes space, tab, newline and backslash in octal. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * Takes a mount away and removes its folder, whether or not its server answers or somebody still uses it.
 *
 * @throws HyperfileError TOOL_MISSING, TOOL_FAILED
 */
export async function unmountServed(mountPoint: string): Promise<void> {
  try {
    await runQuickly('umount', ['-i', '-l', '-c', mountPoint]);
  } catch (error) {
    // Another command may have cleaned up meanwhile.
    const mounted = await servedMounts(path.dirname(mountPoint));
    if (mounted.some((mount) => mount.mountPoint === mountPoint)) throw error;
  }
  await rmdir(mountPoint).catch(() => undefined);
}
