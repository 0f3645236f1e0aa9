/** What a build tells whoever watches it. Every renderer shows these and nothing else. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { SourceLocation } from '../base/error.ts';
import type { Progress } from '../base/events.ts';

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
      readonly type: 'step-end';
      readonly step: StepId;
      readonly status: 'done' | 'cached' | 'failed' | 'cancelled';
      readonly durationMs: number;
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
      readonly type: 'build-end';
      readonly status: 'done' | 'failed' | 'cancelled';
      readonly durationMs: number;
      readonly cachedSteps: number;
      readonly totalSteps: number;
      readonly image?: BuiltImage;
    };

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
}
