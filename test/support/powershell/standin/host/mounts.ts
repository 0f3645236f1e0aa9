/** The file systems of an attached disk, mounted for real: NTFS through ntfs-3g with Windows' rules for names. */
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { runTool } from '../../../../../src/base/process.ts';
import type { FileSystemType } from '../../../../../src/fs/identify.ts';

export interface MountRequest {
  readonly rawPath: string;
  /** The part of it, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly type: FileSystemType;
  readonly folder: string;
  readonly readOnly: boolean;
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
    await runTool('losetup', ['--detach', device]);
    throw error;
  }
  return {
    folder,
    flush: async () => void (await runTool('sync', ['--file-system', folder])),
    unmount: async () => {
      await unmountBusy(folder);
      await runTool('losetup', ['--detach', device]);
    },
  };
}

/** A loop device over a part of a raw image. */
export async function attachLoop(
  request: Pick<MountRequest, 'rawPath' | 'offset' | 'length' | 'readOnly'>,
): Promise<string> {
  const { rawPath, offset, length, readOnly } = request;
  const part = ['--offset', String(offset), '--sizelimit', String(length)];
  const { stdout } = await runTool('losetup', [
    '--find',
    '--show',
    ...part,
    ...(readOnly ? ['--read-only'] : []),
    rawPath,
  ]);
  return stdout.trim();
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
