/**
 * One stage's chain while it grows. Steps found in the cache move it forward for nothing; the first that misses opens
 * a sandbox on the deepest cached layer, and the steps after it go on in the same sandbox, sealing as they finish.
 */
import type { Sandbox } from '../drivers/driver.ts';
import type { HistoryEntry } from '../oci/image.ts';
import { stepKey, type CacheKey } from '../plan/key.ts';
import type { DiskStep, Step } from '../plan/step.ts';
import { applyStep } from './apply-step.ts';
import type { StepId } from './events.ts';
import type { StageResult } from './stage-runner.ts';
import { readsOf } from './step-reads.ts';
import type { StepOutcome } from './step-reporter.ts';
import { rootOf, type Cached, type Workshop } from './workshop.ts';

/** Where the line stands after a step. */
interface StepResult extends Cached {
  readonly layers: readonly string[];
  readonly created: string;
}

interface OpenSandbox {
  readonly sandbox: Sandbox;
  /** The layer that the sandbox's difference will be. */
  layer: string;
  /** The step that the sandbox stands on. */
  key: string;
}

export interface LayerLineParts {
  readonly base: StageResult;
  readonly workshop: Workshop;
  readonly stage: (index: number) => Promise<StageResult>;
  /** Its layers will be part of the image. */
  readonly isOfTarget: boolean;
}

export class LayerLine {
  readonly #workshop: Workshop;
  readonly #stage: (index: number) => Promise<StageResult>;
  readonly #base: StageResult;
  readonly #isOfTarget: boolean;
  readonly #reads = new Map<DiskStep, Promise<readonly string[]>>();
  #layers: readonly string[];
  #key: string;
  #created: string;
  readonly #history: HistoryEntry[];
  #open: OpenSandbox | undefined;

  constructor({ base, workshop, stage, isOfTarget }: LayerLineParts) {
    this.#base = base;
    this.#workshop = workshop;
    this.#stage = stage;
    this.#isOfTarget = isOfTarget;
    this.#layers = base.layers;
    this.#key = base.key;
    this.#created = base.created;
    this.#history = [...base.history];
  }

  result(): Omit<StageResult, 'config' | 'inherited'> {
    const [layers, key, history, created] = [this.#layers, this.#key, this.#history, this.#created];
    const { os, disk, kind } = this.#base;
    return { layers, key, history, created, os, disk, ...(kind && { kind }) };
  }

  addHistory(step: Step, layer?: string): void {
    this.#history.push({
      created: this.#created,
      createdBy: step.text,
      ...(layer !== undefined && { layer }),
    });
  }

  /** Moves the line over a step: from the cache, from another stage that is making it, or by running it. */
  async take(step: DiskStep, id: StepId, steps: readonly Step[]): Promise<StepOutcome> {
    const key = stepKey(this.#key, step, await this.#readsOf(step));
    const { layers, created, cached, origin } = await this.#workshop.shared(key.key, async () => {
      const found = await this.#find(key.key);
      await this.#workshop.explain(id, key, found);
      return found ?? this.#make(step, id, key, isLastOnDisk(step, steps));
    });
    this.#workshop.offer(key, this.#isOfTarget);
    this.#layers = layers;
    this.#key = key.key;
    this.#created = created;
    this.addHistory(step, layers[0]);
    return { cached, layer: layers[0], origin };
  }

  /** Asks the caches elsewhere for all steps at once, so that no step waits for its own question. */
  lookAhead(steps: readonly Step[]): void {
    if (!this.#workshop.asksElsewhere || this.#workshop.options.noCache) return;
    const ask = async (): Promise<void> => {
      let parent = this.#key;
      for (const step of steps) {
        if (step.kind === 'config') continue;
        parent = stepKey(parent, step, await this.#readsOf(step)).key;
        await this.#workshop.ask(parent);
      }
    };
    // Whoever takes the step meets the same error, and says where it happened.
    ask().catch(() => undefined);
  }

  #readsOf(step: DiskStep): Promise<readonly string[]> {
    const known = this.#reads.get(step) ?? readsOf(step, this.#workshop, this.#stage);
    this.#reads.set(step, known);
    return known;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.sandbox.close();
  }

  async #find(key: string): Promise<StepResult | undefined> {
    const found = this.#workshop.options.noCache ? undefined : await this.#workshop.find(key);
    return found && { ...found, cached: true };
  }

  async #make(step: DiskStep, id: StepId, { key, inputs }: CacheKey, isLast: boolean): Promise<StepResult> {
    const layer = await this.#runAndSeal(step, id, key, isLast);
    const created = new Date().toISOString();
    this.#workshop.recordLayer({ layer, parent: this.#layers[0], key, inputs, created });
    return { layers: [layer, ...this.#layers], created, cached: false };
  }

  async #runAndSeal(step: DiskStep, id: StepId, key: string, isLast: boolean): Promise<string> {
    const open = await this.#sandbox();
    try {
      await applyStep(step, open.sandbox, { workshop: this.#workshop, id, stage: this.#stage });
      const layer = open.layer;
      const next = isLast ? undefined : this.#workshop.store.newLayer();
      await open.sandbox.seal(next?.path);
      if (next) Object.assign(open, { layer: next.id, key });
      else await this.close();
      return layer;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The open sandbox if it stands where the line stands, else a new one there. */
  async #sandbox(): Promise<OpenSandbox> {
    if (this.#open && this.#open.key !== this.#key) await this.close();
    if (this.#open) return this.#open;
    const { store, signal } = this.#workshop;
    const driver = await this.#workshop.driver();
    await this.#workshop.distant.bring(this.#layers);
    const { id, path } = store.newLayer();
    const chain = store.chainPaths(this.#layers);
    const sandbox = await driver.open({ chain, sandboxPath: path, root: rootOf(this.#base.disk), signal });
    this.#open = { sandbox, layer: id, key: this.#key };
    return this.#open;
  }
}

/** No step after it changes the disk: its seal ends the sandbox. */
function isLastOnDisk(step: DiskStep, steps: readonly Step[]): boolean {
  return steps.findLast(({ kind }) => kind !== 'config') === step;
}
