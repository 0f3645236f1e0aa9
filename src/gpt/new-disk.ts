/** The partition table of a new base's disk. */
import { randomGuid } from '../bytes/guid.ts';
import { PARTITION_TYPE } from './format.ts';
import type { NewDiskLayout } from './new-disk-layout.ts';
import type { GptLayout } from './write.ts';

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
