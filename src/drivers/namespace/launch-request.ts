/** What starting a command takes, once the guest has been looked at: the same for every runtime. */
import type { CommandIo, CommandResult } from '../driver.ts';
import type { GuestUser } from '../../fs/guest-user.ts';

export interface LaunchRequest {
  /** Where the guest's root is mounted on the host. */
  readonly rootPath: string;
  /** A private folder of the sandbox, outside the guest. */
  readonly folder: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** In the guest; exists. */
  readonly workdir: string;
  readonly user: GuestUser;
  readonly network: 'host' | 'none';
  readonly stdin?: string;
  /** Host files shown in the guest, read-only. */
  readonly binds: readonly Bind[];
}

export interface Bind {
  /** On the host. */
  readonly source: string;
  /** On the host too, below `rootPath`, without symbolic links; exists. */
  readonly target: string;
}

/**
 * Starts a command and waits until it and all it started are gone.
 *
 * @throws HyperfileError DRIVER_START_FAILED, TOOL_MISSING, INTERRUPTED
 */
export type Launch = (request: LaunchRequest, io: CommandIo) => Promise<CommandResult>;

/** The guest's host name: always the same, so that what a step sees does not depend on the host. */
export const GUEST_HOSTNAME = 'hyperfile';

/** Docker's default capabilities, as linux/capability.h numbers them. */
export const KEPT_CAPABILITIES = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  NET_RAW: 13,
  SYS_CHROOT: 18,
  MKNOD: 27,
  AUDIT_WRITE: 29,
  SETFCAP: 31,
} as const;

/** What Docker hides from a container, because it tells about the host or acts on it. */
export const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

/** What Docker makes read-only. */
export const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
