/** A sandbox's disk on the host: mounted on a folder for a row of file steps, let go before anything else has it. */
import { WindowsFiles } from '../../fs/windows/windows-files.ts';
import type { GuestFiles } from '../../fs/guest-files.ts';
import type { HyperVHost } from './host.ts';

export class MachineDisk {
  readonly #host: HyperVHost;
  readonly #folder: string;
  /** Set as soon as the disk may be mounted. */
  #mountedPath: string | undefined;
  #files: GuestFiles | undefined;

  /** @param folder where the system's volume appears; made by Hyper-V, and gone with the mount */
  constructor(host: HyperVHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  /** The guest's files, mounted if they are not. One disk at a time. */
  async mount(diskPath: string, signal: AbortSignal | undefined): Promise<GuestFiles> {
    if (this.#files !== undefined) return this.#files;
    this.#mountedPath = diskPath;
    const { folder } = await this.#host.mountDisk(diskPath, this.#folder, signal && { signal });
    return (this.#files = new WindowsFiles(folder, { label: 'the guest' }));
  }

  async dismount(): Promise<void> {
    if (this.#mountedPath === undefined) return;
    this.#files = undefined;
    await this.#host.dismountDisk(this.#mountedPath);
    this.#mountedPath = undefined;
  }
}
