/**
 * The throw-away machine of a sandbox: made when something is first to run in it, kept while it is off, so that the next
 * command only starts it, and made anew when another machine is asked for.
 */
import { randomBytes } from 'node:crypto';
import { HyperfileError } from '../../base/error.ts';
import type { Listener } from '../../base/events.ts';
import type { GuestOs } from '../../oci/image.ts';
import { connectGuest } from './guest/connect.ts';
import type { AskAccess, ConnectRequest, Guest } from './guest/guest.ts';
import type { HyperVHost } from './host.ts';
import { sameSpec, type MachineSpec } from './machine-spec.ts';
import type { HyperVOptions } from './options.ts';
import { withReason } from './refused-disk.ts';

export interface GuestMachineParts {
  readonly host: HyperVHost;
  /** For the machine's own files; Hyper-V makes it. */
  readonly folder: string;
  /** For what a connection needs while it is open; there already, and private. */
  readonly keyFolder: string;
  readonly system: GuestOs;
  readonly access: AskAccess;
  readonly options: Pick<HyperVOptions, 'bootTimeoutMs' | 'setupTimeoutMs' | 'stopTimeoutMs'>;
  /** As {@link OpenRequest.onStatus}. */
  readonly onStatus?: Listener<string | undefined>;
}

export interface StartOptions {
  /** As {@link ConnectRequest.isSettingUp}. */
  readonly isSettingUp?: boolean;
  readonly signal?: AbortSignal;
}

interface Made {
  readonly id: string;
  readonly spec: MachineSpec;
  diskPath: string;
}

export class GuestMachine {
  readonly #parts: GuestMachineParts;
  /** Of the machine that there is, or may be. */
  #label: string | undefined;
  #made: Made | undefined;
  #isOn = false;
  #guest: Guest | undefined;

  constructor(parts: GuestMachineParts) {
    this.#parts = parts;
  }

  /** What it was last given; undefined before there is a machine. */
  get diskPath(): string | undefined {
    return this.#made?.diskPath;
  }

  /** Whether it can go on where such a machine is wanted. */
  fits(spec: MachineSpec): boolean {
    return this.#made !== undefined && sameSpec(this.#made.spec, spec);
  }

  /**
   * The guest of a machine that runs, with that disk unless it runs already.
   *
   * @throws HyperfileError HYPERV_*, POWERSHELL_*, INTERRUPTED, VHDX_* of {@link withReason}; the disk is worth nothing then
   */
  async start(
    spec: MachineSpec,
    diskPath: string,
    { isSettingUp = false, signal }: StartOptions,
  ): Promise<Guest> {
    if (this.#guest !== undefined && this.#isOn) return this.#guest;
    const { host, system, keyFolder, options, onStatus } = this.#parts;
    // Before anything is begun: a guest that nobody can get into is of no use.
    const access = await this.#parts.access();
    const { id } = await withReason(diskPath, () => this.#prepare(spec, diskPath, signal));
    this.#isOn = true;
    const request: ConnectRequest = {
      machineId: id,
      system,
      access,
      askAccess: this.#parts.access,
      isOff: true,
      isSettingUp,
      timeoutMs: isSettingUp ? options.setupTimeoutMs : options.bootTimeoutMs,
      folder: keyFolder,
      ...(onStatus && { onWait: onStatus }),
      ...(signal && { signal }),
    };
    this.#guest = await withReason(diskPath, () => connectGuest(host, request));
    onStatus?.(undefined);
    return this.#guest;
  }

  /**
   * Lets the guest shut down.
   *
   * @throws HyperfileError HYPERV_SHUTDOWN_TIMEOUT when it did not; the machine has lost its power then, and what is on
   *   the disk is in no order
   */
  async stop(signal?: AbortSignal): Promise<void> {
    const { host, options, onStatus } = this.#parts;
    const { stopTimeoutMs } = options;
    if (!this.#isOn || this.#made === undefined) return;
    await this.#disconnect();
    onStatus?.('the guest is shutting down');
    const { isGraceful } = await host.stopMachine(this.#made.id, stopTimeoutMs, {
      ...(signal && { signal }),
    });
    this.#isOn = false;
    onStatus?.(undefined);
    if (isGraceful) return;
    throw new HyperfileError('HYPERV_SHUTDOWN_TIMEOUT', { data: { seconds: stopTimeoutMs / 1000 } });
  }

  /** Freezes what it has written, and goes on: see {@link HyperVHost.checkpointMachine}. @returns the frozen file */
  async checkpoint(signal?: AbortSignal): Promise<string> {
    const made = this.#made!;
    const { frozen, leaf } = await this.#parts.host.checkpointMachine(made.id, signal);
    made.diskPath = leaf;
    return frozen;
  }

  /** Whatever it is doing. Its disk stays. */
  async remove(): Promise<void> {
    const { host } = this.#parts;
    await this.#disconnect();
    if (this.#made !== undefined) await host.removeMachine(this.#made.id);
    else if (this.#label !== undefined) await host.removeLabelled(this.#label);
    this.#made = undefined;
    this.#label = undefined;
    this.#isOn = false;
  }

  async #prepare(spec: MachineSpec, diskPath: string, signal: AbortSignal | undefined): Promise<Made> {
    const { host, folder } = this.#parts;
    if (this.#made !== undefined && !this.fits(spec)) await this.remove();
    if (this.#made === undefined) {
      // Noted first: a call that is cut off may have made it all the same.
      const label = (this.#label = randomBytes(4).toString('hex'));
      const { id } = await host.newMachine({ ...spec, folder, diskPath, label }, signal);
      this.#made = { id, spec, diskPath };
    } else if (this.#made.diskPath !== diskPath) {
      await host.setMachineDisk(this.#made.id, diskPath, signal);
      this.#made.diskPath = diskPath;
    }
    return this.#made;
  }

  /** SSH has a process on this host; PowerShell Direct ends with the machine, and saying so would be one more call. */
  async #disconnect(): Promise<void> {
    const guest = this.#guest;
    this.#guest = undefined;
    if (this.#parts.system === 'linux') await guest?.close();
  }
}
