/** The disk formats that can be converted. `vhdx` and `raw` are read and written here, the others by qemu-img. */
export const DISK_FORMATS = ['vhdx', 'raw', 'vhd', 'qcow2', 'vmdk'] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];
