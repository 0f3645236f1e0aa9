/** The disk formats that can be converted. `vhdx` and `raw` are read and written here, `vhd` is read here; the rest is up to qemu-img. */
export const DISK_FORMATS = ['vhdx', 'raw', 'vhd', 'qcow2', 'vmdk'] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];
