/** What the views keep about each step: its place, its title and when it began. */
import type { BuildEvent, StepId } from '../../build/events.ts';
import { cleanText, OutputLines } from './output-lines.ts';

type StepStart = Extract<BuildEvent, { type: 'step-start' }>;

export interface ShownStep {
  /** From 1, in the order in which steps began. */
  readonly index: number;
  /** `[builder 2/4] RUN make` */
  readonly title: string;
  readonly startedMs: number;
  readonly stdout: OutputLines;
  readonly stderr: OutputLines;
}

export class ShownSteps {
  readonly #byId = new Map<StepId, ShownStep>();

  start(event: StepStart, nowMs: number): ShownStep {
    const step: ShownStep = {
      // A build that begins again without a lost cache keeps the numbers of its steps.
      index: this.#byId.get(event.step)?.index ?? this.#byId.size + 1,
      title: stepTitle(event),
      startedMs: nowMs,
      stdout: new OutputLines(),
      stderr: new OutputLines(),
    };
    this.#byId.set(event.step, step);
    return step;
  }

  get(id: StepId): ShownStep | undefined {
    return this.#byId.get(id);
  }
}

/** A stage without a name is `stage-N`, as in Docker; the first one needs no word. */
export function stepTitle(event: StepStart): string {
  const stage = /^\d+$/.test(event.stage) ? `stage-${event.stage}` : event.stage;
  const place = event.stage === '0' ? '' : `${stage} `;
  return `[${place}${event.number}/${event.totalInStage}] ${event.title}`;
}

/** `CACHED`, with the cache that had it when that was not the store: `CACHED (registry)`. */
export function cachedWord({ origin }: Extract<BuildEvent, { type: 'step-end' }>): string {
  return origin === undefined ? 'CACHED' : `CACHED (${cleanText(origin)})`;
}
