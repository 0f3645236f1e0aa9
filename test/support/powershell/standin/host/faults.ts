/** What goes wrong on the stand-in's host, and how slow it is. Tests change these while it runs. */
import type { ErrorKind } from './errors.ts';

export interface Faults {
  /** The user is neither an administrator nor in the Hyper-V group. */
  accessDenied: boolean;
  /** Files that carry NTFS's compressed, encrypted or sparse attribute. */
  readonly compressedOrSparse: Set<string>;
  /** Files that another program has open. */
  readonly locked: Set<string>;
  /** Files that the virtual machines' group may not read. */
  readonly unreadableForMachines: Set<string>;
  /** The host's free memory; a machine that wants more does not start. */
  freeMemoryBytes: number;
  /** Every cmdlet takes at least so long. */
  latencyMs: number;
  /** Calls of a cmdlet that fail, by its name; each is used once. */
  readonly failNext: Map<string, ErrorKind>;
  /** Calls of a cmdlet that wait until a test lets them go on, by its name; each is used once. */
  readonly holdNext: Map<string, Promise<void>>;
  /** Machines that are switched on stay on their way until then. */
  machinesStart: Promise<void> | undefined;
  /** Mounts appear without their volumes for so long: Windows' plug and play takes its time. */
  volumesAppearAfterMs: number;
  /** Get-VHD does not know the number of a mounted disk for so long. */
  numbersAppearAfterMs: number;
}

/** What every guest of the host does. */
export interface GuestBehaviour {
  userName: string;
  password: string;
  /** From start to the first heartbeat; Infinity: never. */
  heartbeatAfterMs: number;
  /** From start to PowerShell Direct; Infinity: never. */
  directAfterMs: number;
  /** Its service for PowerShell Direct answers, and what it says makes no sense: an update is missing, or it is being made. */
  directIsBroken: boolean;
  /** Of a system that sets itself up: from start until it knows its accounts; Infinity: never. */
  accountsAfterMs: number;
  /** From start until it has set itself up; Infinity: never. */
  setUpAfterMs: number;
  /** From the request to being off; Infinity: the guest ignores it. */
  shutdownTakesMs: number;
  /** From Hyper-V's request to the end of its patience: then the machine loses its power, and nobody is told. */
  powerLostAfterMs: number;
  /** That it tells its host, when it has a switch. */
  addresses: readonly string[];
  /** What of a Linux answers on the network while its machine runs. Absent: nothing does. */
  startLinux?: (root: string) => Promise<RunningLinux>;
}

export interface RunningLinux {
  /** Instead of {@link GuestBehaviour.addresses}. */
  readonly addresses: readonly string[];
  /** Nothing of it has a file open any more. */
  stop(): Promise<void>;
}

export const GIB = 1024 ** 3;

export function noFaults(): Faults {
  return {
    accessDenied: false,
    compressedOrSparse: new Set(),
    locked: new Set(),
    unreadableForMachines: new Set(),
    freeMemoryBytes: 16 * GIB,
    latencyMs: 0,
    failNext: new Map(),
    holdNext: new Map(),
    machinesStart: undefined,
    volumesAppearAfterMs: 0,
    numbersAppearAfterMs: 0,
  };
}

export function promptGuest(): GuestBehaviour {
  return {
    userName: 'Administrator',
    password: 'Passw0rd!',
    heartbeatAfterMs: 0,
    directAfterMs: 0,
    directIsBroken: false,
    accountsAfterMs: 0,
    setUpAfterMs: 0,
    shutdownTakesMs: 0,
    powerLostAfterMs: 300_000,
    addresses: ['172.20.0.2', 'fe80::2'],
  };
}
