/**
 * A sandbox on Hyper-V. Its disk is in one place at a time: nobody's (idle), mounted on the host for file steps, or in a
 * machine that runs. Each change of place is a call of PowerShell, so it happens only when a step needs it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { claimNew } from '../../base/claim-new.ts';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { Listener } from '../../base/events.ts';
import type { Session } from '../../base/session.ts';
import type { GuestFiles } from '../../fs/guest-files.ts';
import { guestOsOf, type GuestOs, type MachineSettings } from '../../oci/image.ts';
import { createChild } from '../../vhdx/create.ts';
import type {
  CommandIo,
  CommandResult,
  GuestCommand,
  RestartOptions,
  RootPartition,
  Sandbox,
} from '../driver.ts';
import { partitionTableOf, type PartitionTable } from './find-system.ts';
import type { AskAccess, Guest } from './guest/guest.ts';
import { GuestMachine } from './guest-machine.ts';
import type { HyperVHost } from './host.ts';
import { lazyFiles } from './lazy-files.ts';
import { MachineDisk } from './machine-disk.ts';
import { machineSpec, type MachineSpec } from './machine-spec.ts';
import type { HyperVOptions } from './options.ts';
import { unlessHeld, whenReleased } from './released.ts';
import { CheckpointSeal } from './seal/checkpoint.ts';
import { sealFile, ShutdownSeal } from './seal/shutdown.ts';
import { mustSetUp, SET_UP } from './setup-state.ts';
import type { SealPlace, SealStrategy } from './seal/strategy.ts';

export interface SandboxParts {
  readonly host: HyperVHost;
  readonly session: Session;
  /** Leaf first. */
  readonly chain: readonly string[];
  readonly root: RootPartition;
  /** A private folder of this sandbox, which does not exist yet. */
  readonly folder: string;
  /** Absent: read-only. */
  readonly sandboxPath: string | undefined;
  /** Of the guest's own config. */
  readonly machine: MachineSettings | undefined;
  readonly options: HyperVOptions;
  readonly access: AskAccess;
  /** The switch that commands with a network are connected to. */
  readonly switchId: () => Promise<string | undefined>;
  /** As {@link OpenRequest.onStatus}. */
  readonly onStatus: Listener<string | undefined> | undefined;
  /** Of the whole build. */
  readonly signal: AbortSignal | undefined;
}

/** What a step wants to run in. */
interface Wish {
  readonly machine?: MachineSettings;
  readonly network: GuestCommand['network'];
}

export class HyperVSandbox implements Sandbox {
  readonly files: GuestFiles;
  readonly #parts: SandboxParts;
  readonly #system: GuestOs;
  readonly #table: PartitionTable;
  readonly #disk: MachineDisk;
  readonly #machine: GuestMachine;
  readonly #strategy: SealStrategy;
  /** The difference that is not sealed yet; of a read-only sandbox, one that nobody ever seals. */
  #sandboxPath: string | undefined;
  #parentPath: string;
  #mounted: GuestFiles | undefined;
  /** Of a Windows guest, see setup-state.ts; unknown until somebody has looked. */
  #setupState: string | undefined;
  /** What the last step wanted: file steps that need a guest want the same. */
  #wish: Wish;
  #isFinished = false;
  #closing: Promise<void> | undefined;

  private constructor(parts: SandboxParts) {
    const { chain, folder, host, options, access, session, signal, root, onStatus } = parts;
    this.#parts = parts;
    this.#parentPath = chain[0];
    this.#wish = { network: 'host', ...(parts.machine && { machine: parts.machine }) };
    this.#system = guestOsOf(root.type);
    this.#table = partitionTableOf(chain);
    this.#disk = new MachineDisk(host, path.join(folder, 'volume'));
    const machine = (this.#machine = new GuestMachine({
      host,
      folder: path.join(folder, 'machine'),
      keyFolder: folder,
      system: this.#system,
      access,
      options,
      ...(onStatus && { onStatus }),
    }));
    this.#strategy =
      options.seal === 'checkpoint'
        ? new CheckpointSeal({ machine, session, folder: path.join(folder, 'work'), signal })
        : new ShutdownSeal({ machine, signal });
    this.files = lazyFiles(() => this.#readyFiles());
  }

  /**
   * Makes the difference. A read-only sandbox has one of its own, too: so its layers can be looked at by any number of
   * commands at once, and by a guest that is booted for that.
   *
   * @throws HyperfileError DISK_EXISTS, what the engine throws; nothing is left
   */
  static async open(parts: SandboxParts): Promise<HyperVSandbox> {
    const { session, folder, sandboxPath, chain } = parts;
    const sandbox = new HyperVSandbox(parts);
    try {
      mkdirSync(folder, { mode: 0o700 });
      const difference = sandboxPath ?? path.join(folder, 'view.vhdx');
      claimNew(session, difference);
      sandbox.#sandboxPath = difference;
      createChild(difference, chain[0]);
      return sandbox;
    } catch (error) {
      await sandbox.close();
      throw error;
    }
  }

  async run(command: GuestCommand, io: CommandIo): Promise<CommandResult> {
    this.#requireUsable();
    const guest = await this.#guest(command, io.signal);
    return this.#orBroken(() => guest.run(command, io));
  }

  /** Where nothing runs, what waits for a start happens in one that is ended when the sandbox is sealed. */
  async restart(options: RestartOptions = {}): Promise<void> {
    this.#requireUsable();
    const { machine, signal } = options;
    const wish = { network: this.#wish.network, ...(machine && { machine }) };
    await this.#orBroken(() => this.#machine.stop(signal));
    await this.#guest(wish, signal);
  }

  async seal(nextPath?: string): Promise<void> {
    this.#requireUsable();
    if (nextPath === undefined) this.#isFinished = true;
    else claimNew(this.#parts.session, nextPath);
    const place = this.#place();
    await this.#orBroken(async () => {
      if (this.#strategy.isLent) return this.#strategy.seal(place, nextPath);
      await this.#dismount();
      await sealFile(place.sandboxPath, nextPath);
    });
    this.#parts.session.release(place.sandboxPath);
    this.#parentPath = place.sandboxPath;
    this.#sandboxPath = nextPath;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** The guest that such a step runs in: the one that runs, if it will do. */
  async #guest(wish: Wish, signal: AbortSignal | undefined): Promise<Guest> {
    const spec = await this.#spec(wish);
    this.#wish = wish;
    return this.#orBroken(async () => {
      const [machine, strategy] = [this.#machine, this.#strategy];
      if (strategy.isLent && !machine.fits(spec)) await strategy.takeBack(this.#place());
      const place = this.#place();
      if (this.#system === 'windows') this.#setupState ??= await this.#look(place.sandboxPath, signal);
      await this.#dismount();
      const diskPath = strategy.isLent ? machine.diskPath! : await strategy.lend(place);
      const isSettingUp = this.#setupState !== undefined && mustSetUp(this.#setupState);
      const guest = await machine.start(spec, diskPath, { isSettingUp, ...(signal && { signal }) });
      if (isSettingUp) this.#setupState = SET_UP;
      return guest;
    });
  }

  /** Whoever may run machines and not mount disks has to see how his first command fares. */
  #look(diskPath: string, signal: AbortSignal | undefined): Promise<string> {
    return this.#disk.look(diskPath, signal).catch((error: unknown) => {
      if (isHyperfileError(error, 'HYPERV_RIGHTS')) return SET_UP;
      throw error;
    });
  }

  async #spec({ machine, network }: Wish): Promise<MachineSpec> {
    const { options } = this.#parts;
    // Linux guests are reached over the network, and take it away from the command themselves.
    const isConnected = network !== 'none' || this.#system === 'linux';
    const switchId = isConnected ? await this.#parts.switchId() : undefined;
    return machineSpec({
      system: this.#system,
      table: this.#table,
      options,
      ...(machine && { machine }),
      ...(switchId !== undefined && { switchId }),
    });
  }

  /** On the host where it can read the file system, else through the guest. */
  async #readyFiles(): Promise<GuestFiles> {
    this.#requireUsable();
    const { signal } = this.#parts;
    if (this.#system !== 'windows') return (await this.#guest(this.#wish, signal)).files!;
    if (this.#mounted !== undefined) return this.#mounted;
    return this.#orBroken(async () => {
      if (this.#strategy.isLent) await this.#strategy.takeBack(this.#place());
      const { files, setupState } = await this.#disk.mount(this.#place().sandboxPath, signal);
      this.#setupState = setupState;
      return (this.#mounted = files);
    });
  }

  async #dismount(): Promise<void> {
    this.#mounted = undefined;
    await this.#disk.dismount();
  }

  async #close(): Promise<void> {
    const { session, folder } = this.#parts;
    this.#isFinished = true;
    // Each for itself: what fails must not keep the rest.
    const failures: unknown[] = [];
    const attempt = async (work: () => unknown): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    };
    await attempt(() => this.#machine.remove());
    await attempt(() => this.#disk.discard());
    const unsealed = this.#sandboxPath;
    if (unsealed !== undefined) await attempt(() => whenReleased(() => session.discard(unsealed)));
    // Not while anything may still be mounted in it.
    if (failures.length > 0) throw failures[0];
    // Hyper-V may go on to merge the files of checkpoints: then the driver, or the next command, removes what is left.
    await whenReleased(() => rmSync(folder, { recursive: true, force: true })).catch(unlessHeld);
  }

  #place(): SealPlace {
    return { sandboxPath: this.#sandboxPath!, parentPath: this.#parentPath };
  }

  /** When something fails halfway, nobody knows what the disk holds: then only closing is left. */
  async #orBroken<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#isFinished = true;
      throw error;
    }
  }

  #requireUsable(): void {
    if (this.#isFinished) throw new HyperfileError('DRIVER_SANDBOX_CLOSED');
  }
}
