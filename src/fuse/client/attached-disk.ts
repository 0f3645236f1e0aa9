/** One disk that the server shows, with its loop device. */
import path from 'node:path';
import { isHyperfileError, type HyperfileError } from '../../base/error.ts';
import { checkRange } from '../../disk/range.ts';
import { fromFailure, type AddedDisk, type ControlRequest, type ControlResult } from '../control-message.ts';
import { LoopDevice, type DiskPart } from './loop-device.ts';

export interface AttachRequest {
  /** The layers' files, leaf first. Absolute paths. */
  readonly chain: readonly string[];
  /** Where to make the writable difference; absent for a disk that is only read. */
  readonly sandboxPath?: string;
  /** The device shows only this part of the disk: a partition. */
  readonly partition?: DiskPart;
  /** Absent or true: make a loop device. False: only show the file, for a virtual machine to open. */
  readonly device?: boolean;
}

/** Sends a request to the server that shows the disk. */
export type Ask = <R extends ControlRequest>(request: R) => Promise<ControlResult<R>>;

export class AttachedDisk {
  /** The whole disk as a file. */
  readonly filePath: string;
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly #ask: Ask;
  readonly #name: string;
  #loop: LoopDevice | undefined;
  #attached = true;

  private constructor(ask: Ask, folder: string, added: AddedDisk) {
    this.#ask = ask;
    this.#name = added.name;
    this.filePath = path.join(folder, added.name);
    this.sizeBytes = added.sizeBytes;
    this.logicalSectorBytes = added.logicalSectorBytes;
  }

  /** Leaves nothing behind when it fails. */
  static async attach(ask: Ask, folder: string, request: AttachRequest): Promise<AttachedDisk> {
    const { chain, sandboxPath, partition } = request;
    const added = await ask({ action: 'add', chain, ...(sandboxPath !== undefined && { sandboxPath }) });
    const disk = new AttachedDisk(ask, folder, added);
    if (request.device === false) return disk;
    try {
      if (partition) checkRange(added.sizeBytes, partition.offset, partition.length);
      disk.#loop = await LoopDevice.attach(disk.filePath, {
        readOnly: sandboxPath === undefined,
        logicalSectorBytes: added.logicalSectorBytes,
        ...(partition && { part: partition }),
      });
      return disk;
    } catch (error) {
      await disk.detach().catch(() => undefined);
      throw error;
    }
  }

  /** `/dev/loopN`. Empty when the disk was attached without a device. */
  get devicePath(): string {
    return this.#loop?.path ?? '';
  }

  /**
   * Finishes the writable difference (see {@link SealableDisk.seal}). Freeze or unmount the file system on it first.
   *
   * @throws HyperfileError DISK_FULL and what else made a read or write fail since the disk was attached
   */
  async seal(nextPath?: string): Promise<void> {
    // When this fails, the server knows why, and refuses to seal with that reason.
    await this.#loop?.flush().catch(() => undefined);
    await this.#ask({ action: 'seal', name: this.#name, ...(nextPath !== undefined && { nextPath }) });
  }

  /** Why a read or write failed, when one did: the guest only saw an I/O error. */
  async failure(): Promise<HyperfileError | undefined> {
    const { failure } = await this.#ask({ action: 'failure', name: this.#name });
    return failure && fromFailure(failure);
  }

  /**
   * Takes the device away and closes the disk; what was not sealed is left for its owner to delete. Unmount first.
   * May be called twice, and when the server is gone.
   *
   * @throws HyperfileError FUSE_DEVICE_BUSY when something still uses the device. The disk is closed all the same.
   */
  async detach(): Promise<void> {
    if (!this.#attached) return;
    this.#attached = false;
    try {
      await this.#loop?.detach();
    } finally {
      await this.#remove();
    }
  }

  /** A server that is gone shows nothing any more. */
  async #remove(): Promise<void> {
    try {
      await this.#ask({ action: 'remove', name: this.#name });
    } catch (error) {
      if (!isHyperfileError(error, 'FUSE_SERVER_DIED')) throw error;
    }
  }
}
