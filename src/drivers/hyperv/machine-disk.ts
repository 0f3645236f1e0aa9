/** A sandbox's disk on the host: mounted on a folder for a row of file steps, let go before anything else has it. */
import { WindowsFiles } from '../../fs/windows/windows-files.ts';
import type { GuestFiles } from '../../fs/guest-files.ts';
import type { DiskId } from '../../gpt/disk-id.ts';
import type { HyperVHost } from './host.ts';
import { giveIdentityBack, takeOwnIdentity } from './own-identity.ts';
import { whenReleased } from './released.ts';

export interface MountedSystem {
  readonly files: GuestFiles;
  /** How far it has come with setting itself up: see setup-state.ts. */
  readonly setupState: string;
}

export class MachineDisk {
  readonly #host: HyperVHost;
  readonly #folder: string;
  /** Set as soon as the disk may be mounted. */
  #mountedPath: string | undefined;
  #identity: DiskId | undefined;

  /** @param folder where the system's volume appears; made by Hyper-V, and gone with the mount */
  constructor(host: HyperVHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  /** The system's files, until the disk is let go. One disk at a time. */
  async mount(diskPath: string, signal: AbortSignal | undefined): Promise<MountedSystem> {
    await this.#begin(diskPath);
    const { folder, setupState } = await this.#host.mountDisk(diskPath, this.#folder, signal && { signal });
    return { files: new WindowsFiles(folder, { label: 'the guest' }), setupState };
  }

  /** Mounts a disk only to know how far its system has come with setting itself up. */
  async look(diskPath: string, signal: AbortSignal | undefined): Promise<string> {
    await this.#begin(diskPath);
    const { setupState } = await this.#host.lookAtDisk(diskPath, this.#folder, signal);
    this.#mountedPath = undefined;
    if (this.#identity !== undefined) await giveIdentityBack(diskPath, this.#identity);
    return setupState;
  }

  /** The disk is to be used: it is whole and as its system knows it. */
  async dismount(): Promise<void> {
    const diskPath = this.#mountedPath;
    await this.discard();
    if (diskPath !== undefined && this.#identity !== undefined)
      await giveIdentityBack(diskPath, this.#identity);
  }

  async #begin(diskPath: string): Promise<void> {
    this.#identity = await whenReleased(() => takeOwnIdentity(diskPath));
    this.#mountedPath = diskPath;
  }

  /** The disk is worth nothing any more. */
  async discard(): Promise<void> {
    if (this.#mountedPath === undefined) return;
    await this.#host.dismountDisk(this.#mountedPath);
    this.#mountedPath = undefined;
  }
}
