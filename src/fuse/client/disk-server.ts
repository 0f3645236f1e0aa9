/**
 * Shows disks to the kernel: one child process and one mounted folder, in it a file for each disk, on each file a loop
 * device. Everything here is asynchronous, because the kernel's own work on these disks waits for the child.
 */
import { mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError, isHyperfileError, systemCode } from '../../base/error.ts';
import type { ControlRequest, ControlResult } from '../control-message.ts';
import { AttachedDisk, type AttachRequest } from './attached-disk.ts';
import { ask } from './control-file.ts';
import { diskServerEntry } from './entry.ts';
import { unmountServed } from './served-mounts.ts';
import { ServerProcess } from './server-process.ts';

export interface DiskServerOptions {
  /** Where the disks are mounted, in a fresh folder below this one; made if missing. */
  readonly folder: string;
  /** Ends the start; a server that has started ends with {@link DiskServer.close}. */
  readonly signal?: AbortSignal;
  /** The server's program; the VHDX server unless a test brings another. */
  readonly entry?: string;
}

export interface DiskServer {
  /** Fires when the server's process has ended, asked to or not; the reason is a HyperfileError. */
  readonly death: AbortSignal;
  /**
   * Shows a disk.
   *
   * @throws HyperfileError what opening the chain throws, TOOL_FAILED (losetup), FUSE_SERVER_DIED
   */
  attach(request: AttachRequest): Promise<AttachedDisk>;
  /** Detaches every disk, unmounts and ends the process. May be called twice; works on a dead server too. */
  close(): Promise<void>;
}

/** What talking to a server that is gone fails with. */
const CUT_OFF = ['ENOTCONN', 'ECONNABORTED', 'EIO', 'ENODEV', 'ENOENT'];

/**
 * Starts a disk server. It ends by itself when this process dies, or the thread that called this: call it from the main
 * thread.
 *
 * @throws HyperfileError NOT_ROOT, TOOL_MISSING, FUSE_UNAVAILABLE, FUSE_MOUNT_FAILED, FUSE_SERVER_DIED, INTERRUPTED;
 *   nothing is left behind then
 */
export async function startDiskServer(options: DiskServerOptions): Promise<DiskServer> {
  checkSignal(options.signal);
  await mkdir(options.folder, { recursive: true });
  const mountPoint = await mkdtemp(path.join(path.resolve(options.folder), 'disks-'));
  let server: RunningServer | undefined;
  try {
    server = new RunningServer(
      mountPoint,
      await ServerProcess.start(path.resolve(options.entry ?? diskServerEntry()), mountPoint),
    );
    await server.ask({ action: 'hello' });
    checkSignal(options.signal);
    return server;
  } catch (error) {
    if (server) await server.close();
    else await rmdir(mountPoint).catch(() => undefined);
    throw error;
  }
}

class RunningServer implements DiskServer {
  readonly #mountPoint: string;
  readonly #process: ServerProcess;
  readonly #disks = new Set<AttachedDisk>();
  #closing: Promise<void> | undefined;

  constructor(mountPoint: string, process: ServerProcess) {
    this.#mountPoint = mountPoint;
    this.#process = process;
  }

  get death(): AbortSignal {
    return this.#process.death;
  }

  async attach(request: AttachRequest): Promise<AttachedDisk> {
    try {
      const disk = await AttachedDisk.attach((question) => this.ask(question), this.#mountPoint, request);
      this.#disks.add(disk);
      return disk;
    } catch (error) {
      // When the server is gone, that is the reason, whatever failed for it.
      await this.ask({ action: 'hello' });
      throw error;
    }
  }

  /** Asks; when the process is dead or dies meanwhile, that is the error, not the broken file it left. */
  async ask<R extends ControlRequest>(request: R): Promise<ControlResult<R>> {
    this.death.throwIfAborted();
    try {
      return await ask(this.#mountPoint, request);
    } catch (error) {
      if (isHyperfileError(error) || !CUT_OFF.includes(systemCode(error) ?? '')) throw error;
      // The kernel has cut the connection, so the process is gone or of no more use.
      await this.#process.kill();
      this.death.throwIfAborted();
      throw error;
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Killed rather than asked: its disks are closed, and ending by itself would take it some milliseconds. */
  async #close(): Promise<void> {
    await Promise.allSettled([...this.#disks].map((disk) => disk.detach()));
    await Promise.all([this.#process.kill(), unmountServed(this.#mountPoint)]);
  }
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
}
