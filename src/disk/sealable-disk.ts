import type { WritableDisk } from './disk.ts';

/** A sandbox's disk: a writable difference on a chain. */
export interface SealableDisk extends WritableDisk {
  /**
   * Finishes the writable difference: its file is complete and never changes again. With `nextPath` the disk goes on
   * with a fresh, empty difference there (same folder); without, it is read-only from now on. Does not wait for the
   * storage: whoever records the layer makes it durable first.
   */
  seal(nextPath?: string): void;
  /** Closes; a difference that was not sealed is left unfinished for its owner to delete. */
  close(): void;
}
