/** What a build tells whoever watches it. Every renderer shows these and nothing else. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { SourceLocation } from '../base/error.ts';
import type { Progress } from '../base/events.ts';
import type { Digest } from '../oci/digest.ts';
import type { TransferEvent } from '../transfer/events.ts';

/** `<stage index>.<step index>`, stable within a build. */
export type StepId = string;

export type BuildEvent =
  | { readonly type: 'build-start'; readonly recipe: string; readonly totalSteps: number }
  | {
      readonly type: 'step-start';
      readonly step: StepId;
      /** Name of the stage, or its number. */
      readonly stage: string;
      /** From 1; counts the steps of its stage. */
      readonly number: number;
      readonly totalInStage: number;
      /** The instruction as written, on one line. */
      readonly title: string;
    }
  | {
      readonly type: 'step-output';
      readonly step: StepId;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  | {
      readonly type: 'step-progress';
      readonly step: StepId;
      readonly what: string;
      readonly progress: Progress;
    }
  | {
      /** What a step waits for before or after its own work: a guest that boots. */
      readonly type: 'step-status';
      readonly step: StepId;
      /** Absent: it waits for nothing any more. */
      readonly text?: string;
    }
  | {
      readonly type: 'step-end';
      readonly step: StepId;
      readonly status: 'done' | 'cached' | 'failed' | 'cancelled';
      readonly durationMs: number;
      /** Of a cached step: which cache elsewhere had it (`registry`, `local`, `gha`); absent for the store's own. */
      readonly origin?: string;
      /** The layer the step made or took, when it has one. */
      readonly layer?: { readonly id: string; readonly allocatedBytes: number };
      readonly error?: StepError;
    }
  | {
      readonly type: 'warning';
      readonly message: string;
      readonly at?: SourceLocation;
      readonly hint?: string;
    }
  | {
      /** Under `--explain`: where the step's result came from, or what made it run. */
      readonly type: 'explain';
      readonly step: StepId;
      readonly text: string;
    }
  | {
      /** Layers on their way to or from another place, while the build goes on. */
      readonly type: 'transfer';
      readonly event: TransferEvent;
    }
  | {
      readonly type: 'build-end';
      readonly status: 'done' | 'failed' | 'cancelled';
      readonly durationMs: number;
      readonly cachedSteps: number;
      readonly totalSteps: number;
      readonly image?: BuiltImage;
      readonly pushed?: readonly PushedImage[];
    };

/** An image under a name in a registry. */
export interface PushedImage {
  readonly name: string;
  /** Of the manifest. */
  readonly digest: Digest;
}

export interface StepError {
  /** Absent for a bug of ours. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly at?: SourceLocation;
  /** The end of what the step's command printed. */
  readonly lastLines?: readonly string[];
}

export interface BuiltImage {
  readonly id: string;
  readonly names: readonly string[];
  /** Leaf first, each with what it occupies on disk. */
  readonly layers: readonly { readonly id: string; readonly allocatedBytes: number }[];
  /** It was only pushed: not all of its layers are in the store, and sizes are those of their blobs. */
  readonly isElsewhere?: true;
}
