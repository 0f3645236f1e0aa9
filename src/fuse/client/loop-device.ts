/**
 * A loop device with direct I/O on a file of the disk server. It is told to clear itself when nobody uses it any more,
 * and this process keeps it open: closing that file, or dying, is what detaches it.
 */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfileError } from '../../base/error.ts';
import { runQuickly } from '../../base/spawn.ts';

/** A part of a disk, in bytes: a partition. */
export interface DiskPart {
  readonly offset: number;
  readonly length: number;
}

export interface LoopOptions {
  readonly readOnly: boolean;
  readonly logicalSectorBytes: number;
  readonly part?: DiskPart;
}

const DEFAULT_SECTOR_BYTES = 512;
/** The system's device manager looks into a device now and then, and lets go at once: worth half a second's patience. */
const LAST_PAUSE_MS = 256;

export class LoopDevice {
  /** `/dev/loopN` */
  readonly path: string;
  readonly #hold: FileHandle;
  /** The device is being told to clear itself. Nobody who attaches has to wait for that. */
  readonly #selfClearing: Promise<unknown>;
  #attached = true;

  private constructor(devicePath: string, hold: FileHandle) {
    this.path = devicePath;
    this.#hold = hold;
    this.#selfClearing = runQuickly('losetup', ['--detach', devicePath]).catch(() => undefined);
  }

  /** @throws HyperfileError TOOL_MISSING, TOOL_FAILED */
  static async attach(filePath: string, options: LoopOptions): Promise<LoopDevice> {
    const devicePath = (await runQuickly('losetup', losetupArguments(filePath, options))).trim();
    try {
      return new LoopDevice(devicePath, await open(devicePath, 'r'));
    } catch (error) {
      await runQuickly('losetup', ['--detach', devicePath]).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Writes out what programs wrote to the device itself. It would stay in memory for long, because the system does that
   * only when the last one closes a device, and this process keeps it open.
   */
  async flush(): Promise<void> {
    await this.#hold.sync();
  }

  /**
   * Lets go of the device, which detaches it unless something else still uses it: then it goes when that ends.
   *
   * @throws HyperfileError FUSE_DEVICE_BUSY in that case
   */
  async detach(): Promise<void> {
    if (!this.#attached) return;
    this.#attached = false;
    await this.#selfClearing;
    const before = await backingFile(this.path);
    await this.#hold.close();
    for (let pauseMs = 1; pauseMs <= LAST_PAUSE_MS; pauseMs *= 2) {
      if (before === undefined || (await backingFile(this.path)) !== before) return;
      await sleep(pauseMs);
    }
    throw new HyperfileError('FUSE_DEVICE_BUSY', { data: { device: this.path } });
  }
}

/** The file a loop device stands on; undefined when it stands on none. */
async function backingFile(devicePath: string): Promise<string | undefined> {
  try {
    return await readFile(path.join('/sys/block', path.basename(devicePath), 'loop/backing_file'), 'utf8');
  } catch {
    return undefined;
  }
}

function losetupArguments(filePath: string, options: LoopOptions): string[] {
  const { readOnly, logicalSectorBytes, part } = options;
  return [
    '--find',
    '--show',
    '--direct-io=on',
    ...(readOnly ? ['--read-only'] : []),
    ...(logicalSectorBytes === DEFAULT_SECTOR_BYTES ? [] : ['--sector-size', String(logicalSectorBytes)]),
    ...(part ? ['--offset', String(part.offset), '--sizelimit', String(part.length)] : []),
    filePath,
  ];
}
