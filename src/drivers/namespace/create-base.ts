/** Makes the disk of a new base: partition table, an EFI system partition, an empty root file system. */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { copyDisk } from '../../disk/copy.ts';
import { makeExt4 } from '../../fs/ext4.ts';
import { newDiskLayout } from '../../gpt/new-disk-layout.ts';
import { newDiskTable } from '../../gpt/new-disk.ts';
import { writeGpt } from '../../gpt/write.ts';
import { openChain } from '../../vhdx/chain.ts';
import { createDisk } from '../../vhdx/sandbox.ts';
import type { CreateRequest, RootPartition } from '../driver.ts';
import type { Disks } from './disks.ts';

const ROOT_LABEL = 'root';

export interface CreateParts {
  readonly disks: Disks;
  /** A private folder that does not exist yet. */
  readonly folder: string;
}

/**
 * Makes the table on a disk of its own, the file system on a difference above it, and one disk of the two: the file
 * system's own program needs a device, and devices show differences.
 *
 * @throws HyperfileError FS_DISK_TOO_SMALL, DISK_FULL, TOOL_MISSING, TOOL_FAILED; nothing is left then
 */
export async function createBase(request: CreateRequest, parts: CreateParts): Promise<RootPartition> {
  const { sizeBytes, signal } = request;
  const { disks, folder } = parts;
  const { root, ...layout } = newDiskLayout(sizeBytes);
  const [table, filled] = [path.join(folder, 'table.vhdx'), path.join(folder, 'filled.vhdx')];
  mkdirSync(folder, { mode: 0o700 });
  try {
    fill(table, sizeBytes, (disk) => writeGpt(disk, newDiskTable({ root, ...layout }, process.arch)));
    const device = await disks.attach({ chain: [table], sandboxPath: filled, partition: root });
    try {
      await makeExt4(device.devicePath, { label: ROOT_LABEL, ...(signal && { signal }) });
      await device.seal();
    } finally {
      await device.detach();
    }
    flatten([filled, table], request.path, sizeBytes);
    return root;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function flatten(chain: readonly string[], filePath: string, sizeBytes: number): void {
  const source = openChain(chain);
  try {
    fill(filePath, sizeBytes, (target) => Array.from(copyDisk(source, target)));
  } finally {
    source.close();
  }
}

/** Makes a sealed disk of what `write` writes; nothing is left when it fails. */
function fill(
  filePath: string,
  sizeBytes: number,
  write: (disk: ReturnType<typeof createDisk>) => void,
): void {
  const disk = createDisk(filePath, { sizeBytes });
  try {
    write(disk);
    disk.seal();
  } catch (error) {
    rmSync(filePath, { force: true });
    throw error;
  } finally {
    disk.close();
  }
}
