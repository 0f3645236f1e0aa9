/** What a stage's instructions become: steps, each with everything it needs to run and to be found in the cache. */
import type { SourceLocation } from '../base/error.ts';
import type { GuestConfig, MachineSettings } from '../oci/image.ts';

export type Step = RunStep | CopyStep | WorkdirStep | RebootStep | ConfigStep;

/** A step that may change the disk, and so has a cache key. */
export type DiskStep = Exclude<Step, ConfigStep>;

/** Steps that may do without a layer of their own: what they change is in the layer of the step after them. */
export type GuestStep = RunStep | RebootStep;

interface StepBase {
  /** Where the instruction stands in the recipe. */
  readonly location: SourceLocation;
  /** The instruction as written, on one line: what people see. */
  readonly title: string;
  /** The instruction with variables filled in: what the image's history keeps. */
  readonly text: string;
  /** The image's config after the step. */
  readonly config: GuestConfig;
}

interface DiskStepBase extends StepBase {
  /** Its result is sealed as a layer. Without, it runs only together with the next step that has one. */
  readonly needsLayer: boolean;
}

export interface RunStep extends DiskStepBase {
  readonly kind: 'run';
  readonly argv: readonly string[];
  /** The script of a heredoc that names its own interpreter (`#!`), given as standard input. */
  readonly stdin?: string;
  /** ENV and the ARGs in scope. */
  readonly env: Readonly<Record<string, string>>;
  /** Proxy variables: the command sees them, the cache key does not. */
  readonly proxyEnv: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string;
  readonly network: 'host' | 'none';
  /** What the recipe asks of the machine at this place; not part of the cache key. */
  readonly machine?: MachineSettings;
}

/** Starts the guest anew. */
export interface RebootStep extends DiskStepBase {
  readonly kind: 'reboot';
  /** As {@link RunStep.machine}. */
  readonly machine?: MachineSettings;
}

export interface CopyStep extends DiskStepBase {
  readonly kind: 'copy';
  /** ADD: archives are unpacked, URLs downloaded. */
  readonly add: boolean;
  readonly from: CopyOrigin;
  /** Paths in the origin, variables filled in, wildcards not. */
  readonly paths: readonly string[];
  readonly inlineFiles: readonly InlineFile[];
  readonly downloads: readonly Download[];
  /** Absolute path in the guest; a trailing `/`, or `\` on Windows, says that it is a directory. */
  readonly destination: string;
  readonly owner?: string;
  readonly mode?: string;
}

export type CopyOrigin =
  | { readonly kind: 'context' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly name: string };

/** A heredoc used as a file. */
export interface InlineFile {
  readonly name: string;
  readonly content: string;
}

export interface Download {
  readonly url: string;
  /** `sha256:<hex>` from --checksum. */
  readonly checksum?: string;
}

export interface WorkdirStep extends DiskStepBase {
  readonly kind: 'workdir';
  readonly path: string;
}

/** Changes only what the image says about itself. */
export interface ConfigStep extends StepBase {
  readonly kind: 'config';
}

const DISK_INSTRUCTIONS: ReadonlySet<string> = new Set(['RUN', 'COPY', 'ADD', 'WORKDIR', 'REBOOT']);

/** Whether an instruction becomes a {@link DiskStep}. */
export function changesDisk({ kind }: { readonly kind: string }): boolean {
  return DISK_INSTRUCTIONS.has(kind);
}

export function isDiskStep(step: Step): step is DiskStep {
  return step.kind !== 'config';
}
