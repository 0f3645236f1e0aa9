/** Where things lie on the disk of a new base: an EFI system partition, then the root, to the end. */
import { HyperfileError } from '../base/error.ts';
import { backupBytes } from './table-size.ts';

const MIB = 1024 * 1024;
/** Room for a boot loader and two kernels; FAT32 with 4 KiB sectors cannot be smaller. */
const EFI_BYTES = 128 * MIB;
const SMALLEST_ROOT_BYTES = 32 * MIB;
/** Disks are 512-byte sectors to their guests, whatever the host has. */
export const NEW_DISK_SECTOR_BYTES = 512;

/** What the build records of a new disk; see `DiskDescription`. */
export interface NewDiskLayout {
  readonly efi: { readonly offset: number; readonly length: number };
  readonly root: { readonly offset: number; readonly length: number; readonly type: 'ext4' };
}

/**
 * The layout of a new disk of `sizeBytes`: partitions begin and end on whole MiB.
 *
 * @throws HyperfileError FS_DISK_TOO_SMALL
 */
export function newDiskLayout(sizeBytes: number): NewDiskLayout {
  const efi = { offset: MIB, length: EFI_BYTES };
  const rootOffset = efi.offset + efi.length;
  const end = Math.floor((sizeBytes - backupBytes(NEW_DISK_SECTOR_BYTES)) / MIB) * MIB;
  if (!(end - rootOffset >= SMALLEST_ROOT_BYTES)) {
    throw new HyperfileError('FS_DISK_TOO_SMALL', {
      data: { sizeBytes, neededBytes: rootOffset + SMALLEST_ROOT_BYTES + MIB },
    });
  }
  return { efi, root: { offset: rootOffset, length: end - rootOffset, type: 'ext4' } };
}
