/** The file systems of an attached disk, mounted for real: NTFS through ntfs-3g with Windows' rules for names. */
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { runTool } from '../../../../../src/base/process.ts';
import type { FileSystemType } from '../../../../../src/fs/identify.ts';
import { attachLoop, detachLoop, type LoopRequest } from './loop.ts';

export interface MountRequest extends LoopRequest {
  readonly type: FileSystemType;
  readonly folder: string;
}

export interface Mounted {
  readonly folder: string;
  /** Writes out what the file system holds back. */
  flush(): Promise<void>;
  unmount(): Promise<void>;
}

/** `windows_names` refuses what Windows cannot name; `ignore_case` finds a file however it is spelled. */
const NTFS = ['lowntfs-3g', 'ignore_case,windows_names'] as const;
const KERNEL_TYPES: readonly FileSystemType[] = ['ext4', 'vfat', 'exfat'];

export function canMount(type: FileSystemType | undefined): type is FileSystemType {
  return type === 'ntfs' || (type !== undefined && KERNEL_TYPES.includes(type));
}

/** The folder is made when it is missing. */
export async function mount(request: MountRequest): Promise<Mounted> {
  const { folder, type, readOnly } = request;
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const device = await attachLoop(request);
  const access = readOnly ? 'ro' : 'rw';
  try {
    if (type === 'ntfs') await runTool(NTFS[0], ['-o', `${NTFS[1]},${access}`, device, folder]);
    else await runTool('mount', ['-t', type, '-o', access, device, folder]);
  } catch (error) {
    await detachLoop(device);
    throw error;
  }
  return {
    folder,
    flush: async () => void (await runTool('sync', ['--file-system', folder])),
    unmount: async () => {
      await unmountBusy(folder);
      renew(folder);
      await detachLoop(device);
    },
  };
}

/** Ends the copies of a mount in other mount namespaces: that is what removing its folder does. */
function renew(folder: string): void {
  const { mode } = statSync(folder);
  rmdirSync(folder);
  mkdirSync(folder, { mode });
}

/** A process that was just ended may hold its working folder for a moment. */
async function unmountBusy(folder: string): Promise<void> {
  for (let pauseMs = 10; ; pauseMs *= 2) {
    const { status } = await runTool('umount', [folder], { accept: [0, 1, 32] });
    if (status === 0) return;
    if (pauseMs > 2000) throw new Error(`${folder} stays busy`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Removes a folder that {@link mount} made. */
export function removeMountFolder(folder: string): void {
  rmdirSync(folder);
}
