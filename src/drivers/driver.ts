/** What opens a sandbox and runs commands in it. Every driver has this shape; the build knows no other. */
import type { Listener, Progress } from '../base/events.ts';
import type { GuestFiles } from '../fs/guest-files.ts';
import type { GuestOs, MachineSettings } from '../oci/image.ts';

export interface Driver {
  readonly name: string;
  /** The guests that steps can run in; absent: all. */
  readonly guestSystems?: readonly GuestOs[];
  /** What this host lacks for the driver, and how to get it. Empty when it can work. */
  probe(): Promise<readonly Finding[]>;
  /** Opens a sandbox on a chain. Fails without leaving anything behind. */
  open(request: OpenRequest): Promise<Sandbox>;
  /** Makes a new base disk: partition table, an EFI system partition, an empty root file system. */
  create(request: CreateRequest): Promise<RootPartition>;
  /**
   * Makes a new base disk and puts a system on it from its installation media, without starting it. Absent where that
   * cannot be done.
   */
  install?(request: InstallRequest): Promise<RootPartition>;
  /** Finds the root file system of a foreign disk by its partition's type, else by looking for `etc/os-release`. */
  findRoot(chain: readonly string[], signal?: AbortSignal): Promise<RootPartition>;
  /** Ends what the sandboxes share (the disk server), closing any sandbox that is still open. */
  close(): Promise<void>;
}

/** One thing a host lacks (`problem`), has (`ok`) or could do better with (`advice`). */
export interface Finding {
  readonly level: 'ok' | 'advice' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly todo?: string;
}

export interface OpenRequest {
  /** The layers' files, leaf first; the last one is the base. */
  readonly chain: readonly string[];
  /** Where to make the writable difference; absent for a read-only sandbox. Same folder as the chain's files. */
  readonly sandboxPath?: string;
  /** Where the guest's root file system lies; found by looking when absent. */
  readonly root?: RootPartition;
  /** What the guest asks of its machine, for file steps that need one before a command has. */
  readonly machine?: MachineSettings;
  /** What the sandbox waits for before or after a step's own work (`no heartbeat yet`); undefined: for nothing any more. */
  readonly onStatus?: Listener<string | undefined>;
  readonly signal?: AbortSignal;
}

export interface CreateRequest {
  /** Where the sealed dynamic VHDX goes. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly signal?: AbortSignal;
}

export interface InstallRequest extends CreateRequest {
  /** The installation medium: an ISO file. */
  readonly mediumPath: string;
  /** Which of the systems on it: a name, in any case, or a number. Absent: the only one. */
  readonly edition?: string;
  /** A file that answers what the system asks at its first start. */
  readonly unattendPath?: string;
  readonly onProgress: Listener<Progress>;
}

/** A root file system on a virtual disk, in bytes. */
export interface RootPartition {
  readonly offset: number;
  readonly length: number;
  /** `ext4`, `xfs`, `ntfs`, ... as mount names it. */
  readonly type: string;
}

/** A running view of an image's disk. One step at a time. */
export interface Sandbox {
  readonly files: GuestFiles;
  /** Runs a command inside the guest and waits for it and all it started. */
  run(command: GuestCommand, io: CommandIo): Promise<CommandResult>;
  /**
   * Starts the guest anew: what waits for that (replaced files, half-installed features) is done when this returns.
   * Nothing where every command finds a system that has just been started.
   */
  restart(options?: RestartOptions): Promise<void>;
  /**
   * Turns what the sandbox holds into a sealed layer at the path it was opened (or last sealed) with. With `nextPath`
   * the sandbox goes on with a fresh, empty difference there; without, it is finished and only `close` may follow.
   * The sealed file is complete, but durable only after {@link makeDurable}.
   */
  seal(nextPath?: string): Promise<void>;
  /** Throws away what was not sealed. May be called twice. */
  close(): Promise<void>;
}

export interface RestartOptions {
  /** As {@link GuestCommand.machine}. */
  readonly machine?: MachineSettings;
  readonly signal?: AbortSignal;
}

export interface GuestCommand {
  /** Program and arguments as the guest sees them. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path in the guest; made if it is missing. */
  readonly workdir: string;
  /** `name`, `uid`, `name:group`, `uid:gid`; looked up inside the guest. Empty: root. */
  readonly user: string;
  readonly network: 'host' | 'none';
  /** What the recipe asks of the machine, for drivers that start one. */
  readonly machine?: MachineSettings;
  /** Given to the command as its standard input (a script); absent: empty. */
  readonly stdin?: string;
}

export interface CommandIo {
  /** Each chunk as the command wrote it; a promise says when the next one may come. */
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** Exit status; 128 + N when signal N ended the command. */
  readonly status: number;
}
