/** What the disk server needs of a disk format: a way to open the disks it shows. */
import type { ReadableDisk } from '../../disk/disk.ts';
import type { SealableDisk } from '../../disk/sealable-disk.ts';

export interface DiskRequest {
  /** The layers' files, leaf first. */
  readonly chain: readonly string[];
  /** Where to make the writable difference; absent for a disk that is only read. */
  readonly sandboxPath?: string;
}

export type OpenedDisk =
  | { readonly writable: true; readonly disk: SealableDisk }
  | { readonly writable: false; readonly disk: ReadableDisk };

/** Opens a disk; throws HyperfileError and leaves nothing behind when it cannot. */
export type OpenDisk = (request: DiskRequest) => OpenedDisk;
