/** What the driver needs of the disk server, so that tests can put another in its place. */
import type { HyperfileError } from '../../base/error.ts';

export interface Disks {
  /** Fires when the disks are gone without having been asked to go. */
  readonly death: AbortSignal;
  attach(request: AttachRequest): Promise<AttachedDisk>;
  close(): Promise<void>;
}

export interface AttachRequest {
  /** Leaf first. */
  readonly chain: readonly string[];
  /** Where to make the writable difference; absent: read-only. */
  readonly sandboxPath?: string;
  /** The device shows only this part of the disk, in bytes. */
  readonly partition?: { readonly offset: number; readonly length: number };
}

/** A chain as a block device of the host. */
export interface AttachedDisk {
  readonly devicePath: string;
  /** See Sandbox.seal; nothing may write to the device meanwhile. */
  seal(nextPath?: string): Promise<void>;
  /** Why a read or write failed on the host's side, when one did. */
  failure(): Promise<HyperfileError | undefined>;
  /** Removes the device. An unsealed difference stays for its owner to delete. */
  detach(): Promise<void>;
}
