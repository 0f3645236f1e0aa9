/** What a GUID partition table takes on a disk. */

/** The specification's minimum room for entries (UEFI 2.10, section 5.3.1): 128 of 128 bytes. */
export const ENTRY_COUNT = 128;
export const ENTRY_BYTES = 128;
export const TABLE_BYTES = ENTRY_COUNT * ENTRY_BYTES;

/** Bytes that the backup takes at the end of a disk: its entries and its header. */
export function backupBytes(sectorBytes: number): number {
  return TABLE_BYTES + sectorBytes;
}
