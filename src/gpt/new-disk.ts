/** Where things lie on the disk of a new base: an EFI system partition, then the root, to the end. */
import { HyperfileError } from '../base/error.ts';
import { randomGuid } from '../bytes/guid.ts';
import { PARTITION_TYPE } from './format.ts';
import { backupBytes, type GptLayout } from './write.ts';

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

/** The partition table for {@link newDiskLayout}; every call has fresh GUIDs. */
export function newDiskTable(layout: NewDiskLayout, architecture: string): GptLayout {
  return {
    diskId: randomGuid(),
    partitions: [
      { ...layout.efi, type: PARTITION_TYPE.efiSystem, id: randomGuid(), name: 'EFI' },
      {
        offset: layout.root.offset,
        length: layout.root.length,
        type: rootType(architecture),
        id: randomGuid(),
        name: 'root',
      },
    ],
  };
}

/** `amd64`, `x64` or `arm64`; any other machine gets the general Linux type. */
function rootType(architecture: string): string {
  if (architecture === 'amd64' || architecture === 'x64') return PARTITION_TYPE.linuxRootX64;
  return architecture === 'arm64' ? PARTITION_TYPE.linuxRootArm64 : PARTITION_TYPE.linuxFileSystem;
}
