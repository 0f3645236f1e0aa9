/** A guest that runs in a machine and answers: over PowerShell Direct where it is Windows, over SSH where it is Linux. */
import type { GuestFiles } from '../../../fs/guest-files.ts';
import type { GuestOs } from '../../../oci/image.ts';
import type { CommandIo, CommandResult, GuestCommand } from '../../driver.ts';

/** How to get into a guest as one of its accounts: from a secret, and never in a log, a key or a layer. */
export interface GuestAccess {
  readonly userName: string;
  /** Of the account; absent for a guest that takes a key. */
  readonly password?: string;
  /** A private key in OpenSSH's form, as text. */
  readonly privateKey?: string;
}

/** Whose: of the account that guests are entered with when nobody is named. */
export type AskAccess = (user?: string) => Promise<GuestAccess>;

export interface ConnectRequest {
  readonly machineId: string;
  readonly system: GuestOs;
  readonly access: GuestAccess;
  /** For commands of Windows guests that run as somebody else; absent: none can. */
  readonly askAccess?: AskAccess;
  /** From now until it must answer. */
  readonly timeoutMs: number;
  /** The machine is to be switched on first; default: one that is off has no guest. */
  readonly isOff?: boolean;
  /**
   * A Windows that sets itself up first, and may still be making its accounts: it is waited for until it has done that.
   * Default: that it refuses our account counts at once.
   */
  readonly isSettingUp?: boolean;
  /** How long a guest that does not set itself up must refuse an account to be believed; default: some seconds. */
  readonly refusedMs?: number;
  /** Where private keys and the like lie while the guest is connected to; default: the system's temporary folder. */
  readonly folder?: string;
  /** What is being waited for, each time when that changes: `no heartbeat yet`. */
  readonly onWait?: (what: string) => void;
  readonly signal?: AbortSignal;
}

/** One connection. One command at a time. */
export interface Guest {
  /**
   * Runs a command in the guest and waits for it. Everything it writes is told of as it comes, line by line.
   *
   * @throws HyperfileError HYPERV_GUEST_LOST when the connection ends before the command, INTERRUPTED after having ended it
   */
  run(command: GuestCommand, io: CommandIo): Promise<CommandResult>;
  /**
   * File steps through the guest, for file systems that the host cannot read. Absent for Windows guests: their disk is
   * mounted while the machine is off.
   */
  readonly files?: GuestFiles;
  /** Ends the connection; the guest goes on. */
  close(): Promise<void>;
}
