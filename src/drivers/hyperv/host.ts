/** The operations of powershell/Hyperfile.HyperV.psm1, typed. Each is one call of the session. */
import type { PowerShellSession } from './session/session.ts';
import type { CallOptions, Parameters } from './session/call.ts';
import { GuestCalls } from './guest/guest-calls.ts';

/** What Get-HyperfileHost finds out; null for what it could not. */
export interface HostFacts {
  /** Windows' version: `10.0.26100.0`. */
  readonly system: string;
  /** `Desktop` (Windows PowerShell) or `Core`. */
  readonly edition: string;
  /** Of the Hyper-V module. */
  readonly moduleVersion: string | null;
  readonly isAdministrator: boolean | null;
  readonly isHyperVAdministrator: boolean | null;
  /** Why Hyper-V could not be asked. */
  readonly failure: { readonly id: string; readonly category: string; readonly message: string } | null;
  /** The configuration version of new machines: `12.0`. */
  readonly machineVersion: string | null;
  readonly processors: number | null;
  readonly memoryBytes: number | null;
  readonly switches: readonly VirtualSwitch[];
  readonly store: StoreFacts;
}

export interface VirtualSwitch {
  readonly id: string;
  readonly name: string;
  readonly type: 'External' | 'Internal' | 'Private';
}

export interface StoreFacts {
  /** The folder that was looked at: the store's, or the nearest above it that exists. */
  readonly folder: string;
  /** `NTFS`, `ReFS`, ...; null for a share. */
  readonly fileSystem: string | null;
  readonly freeBytes: number | null;
  readonly isCompressed: boolean;
  readonly isEncrypted: boolean;
  /** Disks that are compressed, encrypted or sparse: Hyper-V opens none of them. */
  readonly unusableFiles: readonly string[];
  /** Whether the group of all virtual machines may read the folder; null where that cannot be asked. */
  readonly machinesMayRead: boolean | null;
}

export interface NewMachine {
  /** For the machine's own files. */
  readonly folder: string;
  readonly diskPath: string;
  /** Default 2. */
  readonly generation?: 1 | 2;
  readonly memoryBytes: number;
  readonly processorCount: number;
  /** Absent: connected to nothing. */
  readonly switchId?: string;
  /** Whose signatures the firmware accepts, as Hyper-V calls it on every host; absent: without secure boot. */
  readonly secureBoot?: 'MicrosoftWindows' | 'MicrosoftUEFICertificateAuthority';
  readonly hasTpm?: boolean;
  readonly isNested?: boolean;
  /** Eight hexadecimal digits at the end of its name, for {@link HyperVHost.removeLabelled}; default: random ones. */
  readonly label?: string;
}

export interface Machine {
  readonly id: string;
  readonly name: string;
  /** `Off`, `Running`, ... */
  readonly state: string;
  /** `OkApplicationsHealthy`, `NoContact`, ...; null while it is off. */
  readonly heartbeat: string | null;
  readonly uptimeSeconds: number;
  readonly generation: number;
  readonly disks: readonly string[];
}

export interface WaitedMachine extends Machine {
  readonly isReached: boolean;
  /** Those that were waited for, the best to reach it by first. */
  readonly addresses: readonly string[];
}

export interface WaitOptions extends Pick<CallOptions, 'signal' | 'onEvent'> {
  readonly timeoutMs: number;
  readonly isOff?: boolean;
}

export interface MountedVolume {
  readonly folder: string;
  readonly diskNumber: number;
  readonly partitionNumber: number;
  /** Of the partition, in bytes. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly fileSystem: string;
  /** `IMAGE_STATE_COMPLETE` and the like; empty where the system does not say. */
  readonly setupState: string;
}

/** A machine that a command has left which was killed. */
export type Leftover = Pick<Machine, 'id' | 'name' | 'state' | 'disks'>;

/** Starting a machine with much memory, and mounting on a busy host, take their time. */
const SLOW = { timeoutMs: 10 * 60_000 };
/** Beyond what a function was told to wait itself. */
const MARGIN_MS = 2 * 60_000;
/** Also for what can be done twice: removing what is gone is no error. */
const QUESTION = { isRepeatable: true };

/** One store's view of the host. Every method throws what the session throws (session/session.ts). */
export class HyperVHost {
  /** What its guests can be asked to do. */
  readonly guests: GuestCalls;
  readonly #session: PowerShellSession;
  readonly #mark: string;

  /** @param mark of the store, in the names of its machines: at most 40 letters, digits and hyphens */
  constructor(session: PowerShellSession, mark: string) {
    this.#session = session;
    this.guests = new GuestCalls(session);
    this.#mark = mark;
  }

  /** @param store the folder of the store's disks; it need not exist */
  facts(store: string, signal?: AbortSignal): Promise<HostFacts> {
    return this.#one('Get-HyperfileHost', { Store: store }, { ...QUESTION, ...given(signal) });
  }

  /** A machine that is off. It is removed again when this fails or is never heard of again. */
  newMachine(machine: NewMachine, signal?: AbortSignal): Promise<Machine> {
    const { folder, diskPath, generation, memoryBytes, processorCount } = machine;
    const parameters = {
      Mark: this.#mark,
      OwnerProcessId: process.pid,
      Folder: folder,
      DiskPath: diskPath,
      Generation: generation,
      MemoryBytes: memoryBytes,
      ProcessorCount: processorCount,
      SwitchId: machine.switchId,
      SecureBoot: machine.secureBoot,
      HasTpm: machine.hasTpm,
      IsNested: machine.isNested,
      Label: machine.label,
    };
    return this.#one('New-HyperfileMachine', parameters, { ...SLOW, ...given(signal) });
  }

  machine(id: string, signal?: AbortSignal): Promise<Machine> {
    return this.#one('Get-HyperfileMachine', { Id: id }, { ...QUESTION, ...given(signal) });
  }

  /**
   * Waits until it is off, or its guest answers, or tells an address; `isReached` says whether that came.
   *
   * @param options isOff: it is switched on first
   */
  waitForMachine(
    id: string,
    state: 'Off' | 'Heartbeat' | 'Address',
    { timeoutMs, isOff, ...options }: WaitOptions,
  ): Promise<WaitedMachine> {
    const parameters = { Id: id, For: state, TimeoutSeconds: timeoutMs / 1000, Start: isOff };
    return this.#one('Wait-HyperfileMachine', parameters, {
      ...QUESTION,
      ...options,
      timeoutMs: timeoutMs + MARGIN_MS,
    });
  }

  /**
   * @param graceMs how long its guest may take to shut down; 0: the plug is pulled at once
   * @param requestMs how long at most when Hyper-V asks it, which pulls the plug itself after a while; default: a little less
   */
  stopMachine(
    id: string,
    graceMs: number,
    { requestMs, signal }: { readonly requestMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly isGraceful: boolean }> {
    const RequestSeconds = requestMs === undefined ? undefined : requestMs / 1000;
    const parameters = { Id: id, GraceSeconds: graceMs / 1000, RequestSeconds };
    return this.#one('Stop-HyperfileMachine', parameters, {
      timeoutMs: graceMs + MARGIN_MS,
      ...given(signal),
    });
  }

  /** Another disk for a machine that is off. */
  async setMachineDisk(id: string, diskPath: string, signal?: AbortSignal): Promise<void> {
    await this.#session.call('Set-HyperfileMachineDisk', { Id: id, DiskPath: diskPath }, given(signal));
  }

  /** Whatever it is doing; its disks stay. One that is gone is no error. */
  async removeMachine(id: string): Promise<void> {
    await this.#session.call('Remove-HyperfileMachine', { Id: id }, { ...SLOW, ...QUESTION });
  }

  /** Removes the store's machine of that label, if there is one: nobody may have heard of its id. */
  async removeLabelled(label: string): Promise<void> {
    const parameters = { Mark: this.#mark, Label: label };
    for (const { id } of await this.#leftovers(parameters)) await this.removeMachine(id);
  }

  /**
   * Freezes the disk of a running machine in a state that its guest has prepared; the machine goes on.
   *
   * @returns the file that Hyper-V does not write any more, and the difference above it that it writes now
   */
  checkpointMachine(
    id: string,
    signal?: AbortSignal,
  ): Promise<{ readonly frozen: string; readonly leaf: string }> {
    return this.#one('Checkpoint-HyperfileMachine', { Id: id }, { ...SLOW, ...given(signal) });
  }

  /**
   * Mounts a disk and shows its Windows volume as a folder.
   *
   * @throws HyperfileError DRIVER_ROOT_NOT_FOUND when no volume holds a Windows that the host can read
   */
  mountDisk(
    path: string,
    folder: string,
    options: { readonly isReadOnly?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<MountedVolume> {
    const parameters = { Path: path, Folder: folder, ReadOnly: options.isReadOnly };
    return this.#one('Mount-HyperfileDisk', parameters, { ...SLOW, ...given(options.signal) });
  }

  /** What {@link mountDisk} would tell of a disk, which is mounted for as long as that takes. */
  lookAtDisk(path: string, folder: string, signal?: AbortSignal): Promise<MountedVolume> {
    const parameters = { Path: path, Folder: folder };
    return this.#one('Get-HyperfileDiskSystem', parameters, { ...SLOW, ...given(signal) });
  }

  /** Undoes {@link mountDisk}, or what is left of it; for any disk and as often as one likes. */
  async dismountDisk(path: string): Promise<void> {
    await this.#session.call('Dismount-HyperfileDisk', { Path: path }, { ...SLOW, ...QUESTION });
  }

  /** The store's machines whose commands have ended without removing them. */
  leftovers(signal?: AbortSignal): Promise<readonly Leftover[]> {
    return this.#leftovers({ Mark: this.#mark }, signal);
  }

  async #leftovers(parameters: Parameters, signal?: AbortSignal): Promise<readonly Leftover[]> {
    const options = { ...QUESTION, ...given(signal) };
    return (await this.#session.call('Get-HyperfileLeftover', parameters, options)) as unknown as Leftover[];
  }

  /** A function of ours writes what its documentation says. */
  async #one<T>(functionName: string, parameters: Parameters, options: CallOptions): Promise<T> {
    const [answer] = await this.#session.call(functionName, parameters, options);
    return answer as T;
  }
}

function given(signal: AbortSignal | undefined): Pick<CallOptions, 'signal'> {
  return signal === undefined ? {} : { signal };
}
