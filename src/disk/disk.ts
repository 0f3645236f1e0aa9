/** What every virtual disk can do. Synchronous: the disk server answers the kernel in a plain loop. */

/** A virtual disk that can be read. Offsets and lengths are bytes; no alignment is asked for. */
export interface ReadableDisk {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  /** Fills `target` from `offset`. The whole range must lie on the disk. */
  read(target: Uint8Array, offset: number): void;
  /**
   * What the disk holds in a range, without reading payload: consecutive extents that cover it exactly.
   * Neighbouring extents of one kind may be merged or not.
   */
  extents(offset: number, length: number): Iterable<DiskExtent>;
  close(): void;
}

/** `data` may hold zeros; `zero` certainly reads as zeros. */
export interface DiskExtent {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero';
}

/** A virtual disk that can be written. */
export interface WritableDisk extends ReadableDisk {
  write(source: Uint8Array, offset: number): void;
  /** Makes a range read as zeros, storing as little as possible. */
  zero(offset: number, length: number): void;
  /** Makes everything written so far durable. */
  flush(): void;
}
