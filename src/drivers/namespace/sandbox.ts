/** A mounted chain: commands run in it, file steps change it, and a seal makes a layer of what came of it. */
import { mkdirSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { claimNew } from '../../base/claim-new.ts';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { Session } from '../../base/session.ts';
import type { GuestFiles } from '../../fs/guest-files.ts';
import { MountedFiles } from '../../fs/mounted-files.ts';
import type { CommandIo, CommandResult, GuestCommand, RootPartition, Sandbox } from '../driver.ts';
import type { AttachedDisk } from './disks.ts';
import { resolveUser } from '../../fs/guest-user.ts';
import { GUEST_HOSTNAME, type Launch } from './launch-request.ts';
import { prepareMountPoints, type HostFiles } from './mount-points.ts';
import { killGuestProcesses } from './leftovers.ts';
import { mountGuest, remount, trimGuest } from './guest-mount.ts';
import { unmount } from './mounts.ts';
import { watchedFiles } from './watched-files.ts';

/** Docker's, for images that set none. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A trim costs some 50 ms: this much must be there to win, and this share of the layer. */
const TRIM_BYTES = 8 * 1024 * 1024;
const TRIM_SHARE = 0.1;
const STAT_BLOCK_BYTES = 512;

export interface SandboxParts {
  readonly session: Session;
  readonly disk: AttachedDisk;
  /** Fires when the disk is gone. */
  readonly death: AbortSignal;
  readonly root: RootPartition;
  /** A private folder of this sandbox; the root is mounted in `root` below it. */
  readonly folder: string;
  /** Absent: read-only. */
  readonly sandboxPath: string | undefined;
  readonly hostFiles: HostFiles;
  readonly launch: Launch;
}

export class NamespaceSandbox implements Sandbox {
  readonly files: GuestFiles;
  readonly #parts: SandboxParts;
  readonly #rootPath: string;
  /** The difference that is not sealed yet. */
  #sandboxPath: string | undefined;
  /** What the file system held when the difference was empty. */
  #usedBytes = 0;
  #mounted = false;
  #finished = false;
  #closing: Promise<void> | undefined;

  private constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#sandboxPath = parts.sandboxPath;
    this.#rootPath = path.join(parts.folder, 'root');
    const files = new MountedFiles(this.#rootPath, { label: 'the guest' });
    this.files = watchedFiles(files, (error) => this.#reasonOf(error, 'files were written'));
  }

  /** Mounts an attached disk. What fails halfway is undone and the disk detached. */
  static async open(parts: SandboxParts): Promise<NamespaceSandbox> {
    const sandbox = new NamespaceSandbox(parts);
    try {
      mkdirSync(sandbox.#rootPath, { recursive: true, mode: 0o755 });
      await sandbox.#mount();
      return sandbox;
    } catch (error) {
      const reason = await sandbox.#reasonOf(error, 'it was mounted');
      await sandbox.close();
      throw reason;
    }
  }

  async run(command: GuestCommand, io: CommandIo): Promise<CommandResult> {
    this.#requireUsable();
    try {
      return await this.#launch(command, io);
    } catch (error) {
      throw await this.#reasonOf(error, 'a command ran');
    }
  }

  async #launch(command: GuestCommand, io: CommandIo): Promise<CommandResult> {
    const { folder, hostFiles, launch, disk, death } = this.#parts;
    const { argv, workdir, network, stdin } = command;
    const user = await resolveUser(command.user, this.files);
    await this.files.makeDirectory(workdir);
    const { binds, remove } = prepareMountPoints(this.#rootPath, hostFiles);
    const env = { PATH: DEFAULT_PATH, HOSTNAME: GUEST_HOSTNAME, HOME: user.home, ...command.env };
    const request = { rootPath: this.#rootPath, folder, argv, env, workdir, user, network, binds };
    try {
      const result = await launch(stdin === undefined ? request : { ...request, stdin }, {
        onOutput: io.onOutput,
        signal: io.signal ? AbortSignal.any([io.signal, death]) : death,
      });
      const failure = result.status === 0 ? undefined : await disk.failure();
      if (failure) throw failure;
      return result;
    } finally {
      if (!death.aborted) remove();
    }
  }

  /** Nothing of one command is there when the next one starts. */
  restart(): Promise<void> {
    this.#requireUsable();
    return Promise.resolve();
  }

  async seal(nextPath?: string): Promise<void> {
    this.#requireUsable();
    try {
      if (nextPath === undefined) await this.#sealForGood();
      else await this.#sealAndGoOn(nextPath);
    } catch (error) {
      throw await this.#reasonOf(error, 'a layer was sealed');
    }
  }

  close(): Promise<void> {
    this.#finished = true;
    return (this.#closing ??= this.#close());
  }

  async #sealForGood(): Promise<void> {
    this.#finished = true;
    const usedBytes = usedOn(this.#rootPath);
    // Unmounting alone would write nothing back while another mount namespace of the host holds a copy of the mount.
    await remount(this.#rootPath, 'ro');
    await this.#unmount();
    if (this.#isWorthTrimming(usedBytes)) await this.#trim();
    await this.#parts.disk.seal();
    this.#moveOn(undefined);
  }

  /** Read-only for a moment instead of frozen: that also marks the file system as cleanly unmounted. */
  async #sealAndGoOn(nextPath: string): Promise<void> {
    claimNew(this.#parts.session, nextPath);
    await remount(this.#rootPath, 'ro');
    const usedBytes = usedOn(this.#rootPath);
    const trims = this.#isWorthTrimming(usedBytes);
    if (trims) {
      await this.#unmount();
      await this.#trim();
    }
    await this.#parts.disk.seal(nextPath);
    this.#moveOn(nextPath);
    this.#usedBytes = usedBytes;
    // Read-only first: so it joins a copy that another mount namespace of the host may hold.
    if (trims) await this.#mount(false);
    await remount(this.#rootPath, 'rw');
  }

  /**
   * True when the difference holds much more than the file system has grown by: what the step wrote and deleted again.
   * Replaced files look the same; then the trim costs its few milliseconds for nothing.
   */
  #isWorthTrimming(usedBytes: number): boolean {
    if (this.#sandboxPath === undefined) return false;
    const allocatedBytes = statSync(this.#sandboxPath).blocks * STAT_BLOCK_BYTES;
    const grownBytes = Math.max(0, usedBytes - this.#usedBytes);
    return allocatedBytes - grownBytes > Math.max(TRIM_BYTES, allocatedBytes * TRIM_SHARE);
  }

  async #trim(): Promise<void> {
    const { disk, root } = this.#parts;
    await trimGuest(disk.devicePath, this.#rootPath, root.type);
  }

  #moveOn(nextPath: string | undefined): void {
    if (this.#sandboxPath !== undefined) this.#parts.session.release(this.#sandboxPath);
    this.#sandboxPath = nextPath;
  }

  async #mount(writable = this.#parts.sandboxPath !== undefined): Promise<void> {
    const { disk, root } = this.#parts;
    await mountGuest(disk.devicePath, this.#rootPath, root.type, writable);
    this.#mounted = true;
    this.#usedBytes = usedOn(this.#rootPath);
  }

  /** @throws HyperfileError DRIVER_BUSY when the mount is only out of sight: what writes to it still can. */
  async #unmount(): Promise<void> {
    if (!this.#mounted) return;
    this.#mounted = false;
    await killGuestProcesses(this.#rootPath);
    if (!(await unmount(this.#rootPath))) {
      throw new HyperfileError('DRIVER_BUSY', { data: { path: this.#rootPath } });
    }
  }

  async #close(): Promise<void> {
    const { session, folder, disk, death } = this.#parts;
    try {
      await this.#unmount();
    } finally {
      await disk
        .detach()
        .catch((error: unknown) => {
          // A lost disk has been reported by whoever used it, and cannot be detached any more. One whose mount was
          // copied into another mount namespace of the host goes when that ends; nothing of it is needed any more.
          if (!death.aborted && !isHyperfileError(error, 'FUSE_DEVICE_BUSY')) throw error;
        })
        .finally(() => {
          if (this.#sandboxPath !== undefined) session.discard(this.#sandboxPath);
          removeEmptyFolders(this.#rootPath, folder);
        });
    }
  }

  #requireUsable(): void {
    if (this.#finished) throw new HyperfileError('DRIVER_SANDBOX_CLOSED');
    if (this.#parts.death.aborted) throw this.#orDiskLost(undefined, 'it was idle');
  }

  /** What the disk itself knows of a failure; the guest's side only sees that something failed. */
  async #reasonOf(error: unknown, action: string): Promise<unknown> {
    if (isHyperfileError(error, 'INTERRUPTED') && !this.#parts.death.aborted) return error;
    const failure = await this.#parts.disk.failure().catch(() => undefined);
    return failure ?? this.#orDiskLost(error, action);
  }

  /** Everything fails in strange ways once the disk is gone: then that is what to say. */
  #orDiskLost(error: unknown, action: string): unknown {
    if (!this.#parts.death.aborted) return error;
    return new HyperfileError('DRIVER_DISK_LOST', { data: { action }, cause: this.#parts.death.reason });
  }
}

function usedOn(folder: string): number {
  const { blocks, bfree, bsize } = statfsSync(folder);
  return (blocks - bfree) * bsize;
}

function removeEmptyFolders(...folders: string[]): void {
  for (const folder of folders) {
    try {
      rmdirSync(folder);
    } catch {
      // Still mounted, or never made; the session's end tries again.
    }
  }
}
