/** A partition as anyone above the tables sees it. */
export interface Partition {
  /** From 1, as Linux numbers it; 0 for a disk without a table. */
  readonly number: number;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly length: number;
  /** A type GUID in lower case, `mbr:83` (hexadecimal), or `whole-disk`. */
  readonly type: string;
  /** The partition's own GUID, where the table has one. */
  readonly id?: string;
  readonly name: string;
}
