/**
 * The few things a disk format needs of the file that holds it. Everything is synchronous, for the disk server's loop;
 * a file in memory, or one that fails on purpose, can stand in for one of the host.
 */
export interface BlockFile {
  /** What errors call it. */
  readonly path: string;
  /**
   * Fills `target` from `at` on with `length` bytes of the file.
   * @throws HyperfileError DISK_CUT_SHORT when the file ends earlier, DISK_IO.
   */
  readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void;
  /**
   * As {@link readAt}, while the caller does something else. Absent where nothing can be read in the background.
   * The file must not be closed before the promise settles.
   */
  readLater?(target: Uint8Array, at: number, length: number, fileOffset: number): Promise<void>;
  /**
   * Writes `length` bytes of `source` from `at` on; past its end the file grows, with a hole in between.
   * @throws HyperfileError DISK_FULL, DISK_IO.
   */
  writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void;
  sizeBytes(): number;
  /** Cuts the file, or makes it longer with a hole. */
  truncate(sizeBytes: number): void;
  /** Makes everything written so far durable. */
  flush(): void;
  /** May be called twice. */
  close(): void;
}

/** `length` bytes of a file in fresh memory. */
export function readBytes(file: BlockFile, fileOffset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.readAt(bytes, 0, length, fileOffset);
  return bytes;
}
