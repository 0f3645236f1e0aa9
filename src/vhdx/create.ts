/** Makes empty VHDX files: a base of zeros, or a difference that changes nothing yet. */
import fs from 'node:fs';
import { createDisk, openSandbox, type NewDiskOptions, type SandboxOptions } from './sandbox.ts';

/**
 * Makes an empty dynamic disk.
 * @throws HyperfileError as {@link createDisk}.
 */
export function createVhdx(filePath: string, options: NewDiskOptions): void {
  sealEmpty(filePath, () => createDisk(filePath, options));
}

/**
 * Makes an empty difference on a disk, which may be a difference itself.
 * @throws HyperfileError as {@link openSandbox}.
 */
export function createChild(
  filePath: string,
  parentPath: string,
  options: Pick<SandboxOptions, 'blockBytes' | 'sizeBytes'> = {},
): void {
  sealEmpty(filePath, () => openSandbox({ ...options, chain: parentPath, sandboxPath: filePath }));
}

function sealEmpty(filePath: string, open: () => ReturnType<typeof createDisk>): void {
  const disk = open();
  try {
    disk.seal();
  } catch (error) {
    fs.rmSync(filePath, { force: true });
    throw error;
  } finally {
    disk.close();
  }
}
