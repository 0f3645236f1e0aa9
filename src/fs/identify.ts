/** Tells file systems by their superblocks. */
import type { ReadableDisk } from '../disk/disk.ts';

/** As mount(8) names them. */
export type FileSystemType =
  | 'ext4'
  | 'xfs'
  | 'btrfs'
  | 'ntfs'
  | 'refs'
  | 'vfat'
  | 'exfat'
  | 'squashfs'
  | 'erofs'
  | 'f2fs'
  | 'swap'
  | 'LVM2_member'
  | 'crypto_LUKS';

/** What Linux has its root on, as far as its disks are opened here. */
export const LINUX_ROOT_FILE_SYSTEMS: readonly FileSystemType[] = ['ext4', 'xfs', 'btrfs', 'f2fs'];

interface Signature {
  readonly type: FileSystemType;
  /** Bytes from the start of the file system. */
  readonly offset: number;
  /** Latin-1 text. */
  readonly magic: string;
}

const SIGNATURES: readonly Signature[] = [
  { type: 'crypto_LUKS', offset: 0, magic: 'LUKS\xba\xbe' },
  { type: 'LVM2_member', offset: 512, magic: 'LABELONE' },
  { type: 'xfs', offset: 0, magic: 'XFSB' },
  { type: 'squashfs', offset: 0, magic: 'hsqs' },
  { type: 'ntfs', offset: 3, magic: 'NTFS    ' },
  { type: 'refs', offset: 3, magic: 'ReFS\0\0\0\0' },
  { type: 'exfat', offset: 3, magic: 'EXFAT   ' },
  { type: 'btrfs', offset: 0x10040, magic: '_BHRfS_M' },
  // ext2 and ext3 too: the same driver mounts them.
  { type: 'ext4', offset: 0x438, magic: '\x53\xef' },
  { type: 'erofs', offset: 0x400, magic: '\xe2\xe1\xf5\xe0' },
  { type: 'f2fs', offset: 0x400, magic: '\x10\x20\xf5\xf2' },
  { type: 'swap', offset: 4086, magic: 'SWAPSPACE2' },
  { type: 'vfat', offset: 82, magic: 'FAT32   ' },
  { type: 'vfat', offset: 54, magic: 'FAT16   ' },
  { type: 'vfat', offset: 54, magic: 'FAT12   ' },
];

/** The file system that begins at `offset` bytes; undefined when none is known there. */
export function identifyFileSystem(disk: ReadableDisk, offset: number): FileSystemType | undefined {
  return SIGNATURES.find(({ offset: at, magic }) => {
    if (offset + at + magic.length > disk.sizeBytes) return false;
    const bytes = Buffer.alloc(magic.length);
    disk.read(bytes, offset + at);
    return bytes.toString('latin1') === magic;
  })?.type;
}
