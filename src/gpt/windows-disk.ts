/** Where things lie on a disk that Windows is installed on: EFI system partition, reserved partition, Windows. */
import { HyperfileError } from '../base/error.ts';
import { randomGuid } from '../bytes/guid.ts';
import { PARTITION_TYPE } from './format.ts';
import { NEW_DISK_SECTOR_BYTES } from './new-disk-layout.ts';
import { backupBytes } from './table-size.ts';
import type { GptLayout } from './write.ts';

const MIB = 1024 * 1024;
/** As Microsoft advises: enough for FAT32 on disks with sectors of 4096 bytes, too. */
const EFI_BYTES = 260 * MIB;
/** That of disks below and above 16 GiB, since Windows 10. */
const RESERVED_BYTES = 16 * MIB;
const SMALLEST_SYSTEM_BYTES = 64 * MIB;

export interface WindowsDiskLayout {
  readonly efi: { readonly offset: number; readonly length: number };
  readonly reserved: { readonly offset: number; readonly length: number };
  readonly system: { readonly offset: number; readonly length: number };
}

/**
 * The layout of a new disk of `sizeBytes`: partitions begin and end on whole MiB.
 *
 * @throws HyperfileError FS_DISK_TOO_SMALL
 */
export function windowsDiskLayout(sizeBytes: number): WindowsDiskLayout {
  const efi = { offset: MIB, length: EFI_BYTES };
  const reserved = { offset: efi.offset + efi.length, length: RESERVED_BYTES };
  const offset = reserved.offset + reserved.length;
  const end = Math.floor((sizeBytes - backupBytes(NEW_DISK_SECTOR_BYTES)) / MIB) * MIB;
  if (!(end - offset >= SMALLEST_SYSTEM_BYTES)) {
    throw new HyperfileError('FS_DISK_TOO_SMALL', {
      data: { sizeBytes, neededBytes: offset + SMALLEST_SYSTEM_BYTES + MIB },
    });
  }
  return { efi, reserved, system: { offset, length: end - offset } };
}

/**
 * The table of such a disk before its partitions are formatted; every call has fresh GUIDs. The EFI system partition
 * gets its own type when it is: Windows formats none that has it already.
 */
export function unformattedWindowsTable({ efi, reserved, system }: WindowsDiskLayout): GptLayout {
  const { microsoftBasicData, microsoftReserved } = PARTITION_TYPE;
  const parts = [
    { ...efi, type: microsoftBasicData, name: 'EFI system partition' },
    { ...reserved, type: microsoftReserved, name: 'Microsoft reserved partition' },
    { ...system, type: microsoftBasicData, name: 'Basic data partition' },
  ];
  return { diskId: randomGuid(), partitions: parts.map((part) => ({ ...part, id: randomGuid() })) };
}
