/**
 * Starts the disk server's process and mounts what it serves. The process dies with this one: `setpriv` asks the kernel
 * for that, since a loop that waits for the kernel's requests notices nothing else. Its end, however it comes, closes
 * /dev/fuse, and the kernel then fails whatever was waiting for an answer.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { open } from 'node:fs/promises';
import { HyperfileError, systemCode } from '../../base/error.ts';
import { missingTool } from '../../base/missing-tool.ts';
import { startProcess, withSystemFolders } from '../../base/spawn.ts';
import { mountArguments } from './served-mounts.ts';

/** Major 10, minor 229, as the system packs the two (devices.txt of the kernel). */
const FUSE_DEVICE_NUMBER = 10 * 256 + 229;
const STDERR_CHARACTERS_KEPT = 4000;

export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #death = new AbortController();
  readonly #ended: Promise<void>;
  #stderr = '';

  /**
   * Mounts on an existing, empty folder while the process starts, since both take a moment.
   *
   * @throws HyperfileError NOT_ROOT, TOOL_MISSING, FUSE_UNAVAILABLE, FUSE_MOUNT_FAILED
   */
  static async start(entry: string, mountPoint: string): Promise<ServerProcess> {
    const device = await openFuseDevice();
    let server: ServerProcess | undefined;
    try {
      server = new ServerProcess(entry, device.fd);
      await mount(mountPoint, device.fd);
      return server;
    } catch (error) {
      await server?.kill();
      throw error;
    } finally {
      // A second holder would keep the connection alive after the server's death.
      await device.close();
    }
  }

  private constructor(entry: string, deviceFd: number) {
    const env = withSystemFolders(process.env);
    // Meant for this process: a debugger, a coverage run.
    delete env.NODE_OPTIONS;
    delete env.NODE_V8_COVERAGE;
    const command = ['--pdeathsig', 'KILL', '--', process.execPath, entry, String(process.pid)];
    // Detached: Ctrl-C goes to the whole process group, but this process ends after everything was unmounted.
    this.#child = startProcess('setpriv', command, {
      env,
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', deviceFd],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_KEPT);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#death.abort(startError(error));
        resolve();
      });
      this.#child.once('close', (status, signal) => {
        this.#death.abort(diedError(status, signal, this.#stderr));
        resolve();
      });
    });
    this.#holdEventLoop(false);
  }

  /** Fires when the process has ended; its reason is FUSE_SERVER_DIED (or TOOL_MISSING when it never began). */
  get death(): AbortSignal {
    return this.#death.signal;
  }

  /** Waits until the process has ended. */
  async ended(): Promise<void> {
    this.#holdEventLoop(true);
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }

  /** A server that is idle must not keep its owner from ending. */
  #holdEventLoop(hold: boolean): void {
    const stderr = this.#child.stderr as unknown as { ref(): void; unref(): void };
    for (const handle of [this.#child, stderr]) {
      if (hold) handle.ref();
      else handle.unref();
    }
  }
}

async function openFuseDevice() {
  if (process.getuid?.() !== 0) throw new HyperfileError('NOT_ROOT', { data: { action: 'mounting a disk' } });
  const device = await open('/dev/fuse', 'r+').catch((cause: unknown) => {
    throw unavailable(systemCode(cause) ?? String(cause), cause);
  });
  // Containers are sometimes given /dev/null in its place.
  if ((await device.stat()).rdev === FUSE_DEVICE_NUMBER) return device;
  await device.close();
  throw unavailable('it is another device');
}

function unavailable(reason: string, cause?: unknown): HyperfileError {
  return new HyperfileError('FUSE_UNAVAILABLE', { data: { reason }, cause });
}

async function mount(mountPoint: string, deviceFd: number): Promise<void> {
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', deviceFd];
  const child = startProcess('mount', mountArguments(mountPoint), {
    env: withSystemFolders(process.env),
    // Out of reach of Ctrl-C: a mount that is cut off may have been made all the same.
    detached: true,
    stdio,
  });
  let output = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(startError(error)));
    child.once('close', (status) => {
      if (status === 0) resolve();
      else
        reject(
          new HyperfileError('FUSE_MOUNT_FAILED', { data: { folder: mountPoint, output: output.trim() } }),
        );
    });
  });
}

function startError(error: Error): HyperfileError {
  const tool = 'path' in error ? String(error.path) : 'setpriv';
  if (systemCode(error) === 'ENOENT') return missingTool(tool, error);
  return new HyperfileError('FUSE_SERVER_DIED', { data: { how: error.message }, cause: error });
}

function diedError(status: number | null, signal: string | null, stderr: string): HyperfileError {
  const how = signal === null ? `exit status ${status ?? -1}` : `signal ${signal}`;
  const cause = stderr.trim() === '' ? undefined : new Error(stderr.trim());
  return new HyperfileError('FUSE_SERVER_DIED', { data: { how }, ...(cause && { cause }) });
}
