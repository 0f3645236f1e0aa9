/** How a layer is taken from a machine that runs: by letting the guest shut down, or while it goes on. */
import type { Session } from '../../../base/session.ts';
import type { GuestMachine } from '../guest-machine.ts';

/** The places of a sandbox that a strategy works with. */
export interface SealPlace {
  /** The difference that is to be the next layer. */
  readonly sandboxPath: string;
  /** The sealed layer below it. */
  readonly parentPath: string;
}

export interface SealStrategy {
  /** The machine has what the sandbox holds, whether it is on or not. */
  readonly isLent: boolean;
  /** Puts what the sandbox holds so far where a machine is to have it. @returns the machine's disk */
  lend(place: SealPlace): Promise<string>;
  /**
   * Makes the sealed layer of what the machine has written, and, with `nextPath`, has the sandbox go on there.
   *
   * @throws HyperfileError HYPERV_SHUTDOWN_TIMEOUT, DISK_FULL, ...; there is no layer then
   */
  seal(place: SealPlace, nextPath: string | undefined): Promise<void>;
  /** Lets the guest shut down and puts what it has written back into the sandbox. @throws HyperfileError as seal */
  takeBack(place: SealPlace): Promise<void>;
}

export interface StrategyParts {
  readonly machine: GuestMachine;
  readonly session: Session;
  /** For files of its own; it is removed with the sandbox. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}
