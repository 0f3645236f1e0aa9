/** A driver with Windows guests for builds anywhere: layers are real VHDX files, commands end as the test says. */
import { rmSync } from 'node:fs';
import type { Driver, GuestCommand, RestartOptions, Sandbox } from '../../src/drivers/driver.ts';
import type { DriverOptions } from '../../src/drivers/drivers.ts';
import type { GuestFiles } from '../../src/fs/guest-files.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';

export const GUEST_DISK_BYTES = 64 * 1024 ** 2;

export interface WindowsDriverOptions {
  /** Exit status of a command; default 0. */
  readonly statusOf?: (line: string) => number;
  /** Of the root file system; default ntfs. */
  readonly rootType?: string;
  /** Commands ask who may come in. */
  readonly asksForAccess?: boolean;
}

export class WindowsDriver implements Driver {
  readonly name = 'fake';
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  readonly commands: GuestCommand[] = [];
  readonly restarts: RestartOptions[] = [];
  /** What the driver was given to work with. */
  given: DriverOptions | undefined;
  readonly #options: WindowsDriverOptions;

  constructor(options: WindowsDriverOptions = {}) {
    this.#options = options;
  }

  choose = (_name: string | undefined, given: DriverOptions): Promise<Driver> => {
    this.given = given;
    return Promise.resolve(this);
  };

  probe() {
    return Promise.resolve([]);
  }

  create(): never {
    throw new Error('no disks are made here');
  }

  findRoot() {
    const type = this.#options.rootType ?? 'ntfs';
    return Promise.resolve({ offset: 0, length: GUEST_DISK_BYTES, type });
  }

  close() {
    return Promise.resolve();
  }

  open({ chain, sandboxPath }: Parameters<Driver['open']>[0]): Promise<Sandbox> {
    this.calls.push('open');
    let [parent, leaf] = [chain[0], sandboxPath];
    if (leaf !== undefined) createChild(leaf, parent);
    const call = (text: string): Promise<void> => {
      this.calls.push(text);
      return Promise.resolve();
    };
    const files: Partial<GuestFiles> = {
      makeDirectory: (path) => call(`makeDirectory ${path}`),
      copy: ({ destination, sources }) => call(`copy ${sources.join(' ')} to ${destination}`),
      writeFile: ({ destination, name }) => call(`write ${name} to ${destination}`),
    };
    return Promise.resolve({
      files: files as GuestFiles,
      run: async (command, io) => {
        const line = command.argv.at(-1) ?? '';
        this.commands.push(command);
        if (this.#options.asksForAccess) await this.given?.guestAccess?.(command.user || undefined);
        await call(`run ${line}`);
        await io.onOutput('stdout', Buffer.from(`${line}\r\n`));
        return { status: this.#options.statusOf?.(line) ?? 0 };
      },
      restart: (options = {}) => {
        this.restarts.push(options);
        return call('restart');
      },
      seal: (nextPath) => {
        if (nextPath !== undefined) createChild(nextPath, leaf!);
        [parent, leaf] = [leaf!, nextPath];
        return call('seal');
      },
      close: () => {
        if (leaf !== undefined) rmSync(leaf, { force: true });
        return call('close');
      },
    });
  }
}

/** A base disk for these guests; what is on it nobody reads. */
export function writeGuestDisk(file: string): void {
  createVhdx(file, { sizeBytes: GUEST_DISK_BYTES, blockBytes: 1024 ** 2 });
}
