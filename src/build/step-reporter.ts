/** Tells of each step of a stage as it starts and ends, and puts the recipe's place on its errors. */
import { HyperfileError, isHyperfileError, type SourceLocation } from '../base/error.ts';
import { LostHit } from './distant-layers.ts';
import type { StepError, StepId } from './events.ts';
import { systemError } from './system-error.ts';
import type { Workshop } from './workshop.ts';

export interface StepOutcome {
  readonly cached: boolean;
  /** The layer the step made or took. */
  readonly layer?: string | undefined;
  /** The cache elsewhere that has it. */
  readonly origin?: string | undefined;
}

/** The stage whose steps are told of. */
export interface ReportedStage {
  readonly index: number;
  readonly name?: string;
  readonly totalSteps: number;
}

export class StepReporter {
  readonly #workshop: Workshop;
  readonly #stage: ReportedStage;
  #number = 0;

  constructor(workshop: Workshop, stage: ReportedStage) {
    this.#workshop = workshop;
    this.#stage = stage;
  }

  /** @param at The instruction's place; absent when there is no recipe. */
  async report(
    title: string,
    at: SourceLocation | undefined,
    work: (id: StepId) => Promise<StepOutcome>,
  ): Promise<void> {
    const { onEvent, signal } = this.#workshop;
    if (signal.aborted) throw new HyperfileError('INTERRUPTED');
    const step = `${this.#stage.index}.${this.#number}`;
    this.#number += 1;
    const startedMs = performance.now();
    const stage = this.#stage.name ?? String(this.#stage.index);
    onEvent({
      type: 'step-start',
      step,
      stage,
      number: this.#number,
      totalInStage: this.#stage.totalSteps,
      title,
    });
    try {
      const { cached, layer, origin } = await work(step);
      if (cached) this.#workshop.cachedSteps += 1;
      const sizes = layer === undefined ? undefined : await this.#workshop.layerSize(layer);
      const durationMs = performance.now() - startedMs;
      onEvent({
        type: 'step-end',
        step,
        status: cached ? 'cached' : 'done',
        durationMs,
        ...(sizes && { layer: sizes }),
        ...(origin !== undefined && { origin }),
      });
    } catch (error) {
      const located = atStep(error, at, signal);
      const cancelled = isHyperfileError(located, 'INTERRUPTED') || located instanceof LostHit;
      const durationMs = performance.now() - startedMs;
      if (cancelled) onEvent({ type: 'step-end', step, status: 'cancelled', durationMs });
      else onEvent({ type: 'step-end', step, status: 'failed', durationMs, error: stepError(located, at) });
      throw located;
    }
  }
}

/** Whatever fails while the build is being stopped fails because of that. */
function atStep(error: unknown, at: SourceLocation | undefined, signal: AbortSignal): unknown {
  if (signal.aborted) return new HyperfileError('INTERRUPTED', { cause: error });
  const known = systemError(error);
  return at && isHyperfileError(known) ? known.located(at) : known;
}

function stepError(error: unknown, location: SourceLocation | undefined): StepError {
  const at = location ? { at: location } : {};
  if (!isHyperfileError(error)) return { message: String(error), ...at };
  const { code, message, data } = error;
  const lastLines = Array.isArray(data.lastLines) ? { lastLines: data.lastLines as string[] } : {};
  return { code, message, ...at, ...lastLines };
}
