/** What an image is: a chain of layers and what the guest is told about itself. */

/** The kind of system inside a guest's disk, as Docker and the OCI specification name it. */
export type GuestOs = 'linux' | 'windows';

/** The kind of system that has its root on a file system of a type, as mount names it. */
export function guestOsOf(rootType: string): GuestOs {
  return /^(?:ntfs3?|refs)$/i.test(rootType) ? 'windows' : 'linux';
}

/** The command, environment and labels of an image, in Docker's terms. */
export interface GuestConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workdir: string;
  readonly user: string;
  readonly shell: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `80/tcp`, sorted. */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly machine?: MachineSettings;
  readonly healthcheck?: Healthcheck;
}

/** What a guest asks of the machine it runs in; what is absent is up to the host. */
export interface MachineSettings {
  readonly memoryBytes?: number;
  readonly processors?: number;
  /** Of Hyper-V's virtual firmware: 1 is BIOS, 2 is UEFI. */
  readonly generation?: 1 | 2;
  /** Whose signatures the firmware accepts: Windows' own, or those for other systems too. */
  readonly secureBoot?: 'off' | 'windows' | 'others';
  readonly tpm?: boolean;
  /** Machines can run inside it. */
  readonly nested?: boolean;
}

export interface Healthcheck {
  /** `['NONE']`, `['CMD', program, ...]` or `['CMD-SHELL', line]`. */
  readonly test: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

/** One instruction that made the image. */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly created: string;
  /** The instruction in canonical form. */
  readonly createdBy: string;
  /** The layer the instruction made; absent when it changed only the config. */
  readonly layer?: string;
}

export interface ImageConfig {
  readonly schema: 1;
  readonly created: string;
  readonly os: GuestOs;
  readonly architecture: string;
  readonly config: GuestConfig;
  readonly disk: DiskDescription;
  /** Made of a container image: it has no kernel of its own to boot. */
  readonly kind?: 'container';
  /** Layer ids, leaf first; the last is the base. Empty for an image of nothing. */
  readonly layers: readonly string[];
  readonly history: readonly HistoryEntry[];
  /** The cache key of the last step: what a recipe that starts from this image builds on. */
  readonly key: string;
}

/** Where the guest's root file system lies on the virtual disk. */
export interface DiskDescription {
  readonly sizeBytes: number;
  /** Bytes from the start of the disk; 0 with the disk's size when the file system covers the whole disk. */
  readonly rootOffset: number;
  readonly rootLength: number;
  readonly rootType: string;
}

/** A sealed VHDX in the store. */
export interface LayerRecord {
  /** 32 lower-case hex digits, random: its file is `<id>.vhdx`. */
  readonly id: string;
  /** The layer below; absent for a base. */
  readonly parent?: string;
  /** Length of the file. */
  readonly fileBytes: number;
  /** What the file occupies on the host's disk. */
  readonly allocatedBytes: number;
  readonly created: string;
  /** The cache key of the step that made it; absent for layers of older stores. */
  readonly key?: string;
}

/** A step's result, found by the content that made it. */
export interface CacheRecord {
  readonly key: string;
  /** The pre-image of the key: see the cache scheme in src/plan. */
  readonly inputs: unknown;
  /** The layer on which the guest's disk stands after the step: the step's own, or its parent's chain. */
  readonly layer?: string;
  readonly created: string;
}
