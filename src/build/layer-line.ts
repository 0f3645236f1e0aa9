/**
 * One stage's chain while it grows. Steps found in the cache move it forward for nothing; the first that misses opens
 * a sandbox on the deepest cached layer, and the steps after it go on in the same sandbox, sealing as they finish. Steps
 * without a layer of their own wait for the next one that has one: its layer holds what they change.
 */
import { HyperfileError } from '../base/error.ts';
import type { Sandbox } from '../drivers/driver.ts';
import type { HistoryEntry } from '../oci/image.ts';
import { stepKey, type CacheKey } from '../plan/key.ts';
import { isDiskStep, type DiskStep, type GuestStep, type Step } from '../plan/step.ts';
import { applyStep } from './apply-step.ts';
import { CopySources } from './copy-sources.ts';
import type { StepId } from './events.ts';
import type { StageResult } from './stage-runner.ts';
import { readsOf } from './step-reads.ts';
import type { StepOutcome } from './step-reporter.ts';
import { rootOf, type Cached, type Found, type Workshop } from './workshop.ts';

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

/** Tells of a step while the work on it is done. */
export type Report = (step: Step, work: (id: StepId) => Promise<StepOutcome>) => Promise<void>;

export interface LayerLineParts {
  readonly base: StageResult;
  readonly workshop: Workshop;
  readonly stage: (index: number) => Promise<StageResult>;
  /** Its layers will be part of the image. */
  readonly isOfTarget: boolean;
  /** All of the stage. */
  readonly steps: readonly Step[];
  readonly report: Report;
}

export class LayerLine {
  readonly #parts: LayerLineParts;
  readonly #workshop: Workshop;
  /** Its seal ends the sandbox. */
  readonly #lastOnDisk: DiskStep | undefined;
  /** After it, nothing that is copied from is needed any more. */
  readonly #lastCopy: Step | undefined;
  readonly #sources: CopySources;
  readonly #reads = new Map<DiskStep, Promise<readonly string[]>>();
  /** Steps that the next one with a layer stands on. */
  #waiting: GuestStep[] = [];
  #layers: readonly string[];
  #key: string;
  #created: string;
  readonly #history: HistoryEntry[];
  #open: OpenSandbox | undefined;
  #step: StepId | undefined;

  constructor(parts: LayerLineParts) {
    const { base, workshop, steps, stage } = parts;
    this.#parts = parts;
    this.#workshop = workshop;
    this.#lastOnDisk = steps.findLast(isDiskStep);
    this.#lastCopy = steps.findLast((step) => step.kind === 'copy' && step.from.kind !== 'context');
    this.#sources = new CopySources({ workshop, stage, onStatus: this.#onStatus });
    this.#layers = base.layers;
    this.#key = base.key;
    this.#created = base.created;
    this.#history = [...base.history];
  }

  result(): Omit<StageResult, 'config' | 'inherited'> {
    const [layers, key, history, created] = [this.#layers, this.#key, this.#history, this.#created];
    const { os, architecture, disk, kind } = this.#parts.base;
    const rest = { ...(architecture !== undefined && { architecture }), ...(kind && { kind }) };
    return { layers, key, history, created, os, disk, ...rest };
  }

  /** Moves the line over a step: from the cache, from another stage that is making it, or by running it. */
  async take(step: Step): Promise<void> {
    if (!isDiskStep(step)) this.#addHistory(step);
    else if (step.needsLayer) await this.#takeLayer(step);
    else {
      this.#waiting.push(step as GuestStep);
      this.#addHistory(step);
    }
    if (step === this.#lastCopy) await this.#sources.close();
  }

  /** Asks the caches elsewhere for all steps at once, so that no step waits for its own question. */
  lookAhead(): void {
    if (!this.#workshop.asksElsewhere || this.#workshop.options.noCache) return;
    const ask = async (): Promise<void> => {
      let parent = this.#key;
      for (const step of this.#parts.steps.filter(isDiskStep)) {
        parent = stepKey(parent, step, await this.#readsOf(step)).key;
        if (step.needsLayer) await this.#workshop.ask(parent);
      }
    };
    // Whoever takes the step meets the same error, and says where it happened.
    ask().catch(() => undefined);
  }

  async close(): Promise<void> {
    try {
      await this.#closeSandbox();
    } finally {
      await this.#sources.close();
    }
  }

  async #closeSandbox(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.sandbox.close();
  }

  async #takeLayer(step: DiskStep): Promise<void> {
    const before = this.#waiting;
    this.#waiting = [];
    if (before.length > 0) return this.#takeRow(before, step);
    await this.#report(step, async (id) => {
      const key = stepKey(this.#key, step, await this.#readsOf(step));
      const result = await this.#workshop.shared(key.key, async () => {
        const found = await this.#find(key.key);
        await this.#workshop.explain(id, key, found);
        return found ?? this.#make(step, id, key);
      });
      return this.#moveTo(step, key, result);
    });
  }

  /**
   * Steps that share the layer of the last of them run only when no cache has it. All of it is one piece of work: a second
   * stage with the same row takes what the first one made.
   */
  async #takeRow(before: readonly GuestStep[], step: DiskStep): Promise<void> {
    const key = await this.#rowKey(before, step);
    let found: (StepResult & Found) | undefined;
    let isReported = false;
    const result = await this.#workshop.shared(key.key, async () => {
      found = await this.#find(key.key);
      if (found) return found;
      isReported = true;
      return this.#makeRow(before, step, key);
    });
    if (isReported) return;
    for (const each of before) {
      await this.#report(each, (id) => {
        this.#explain(id, 'not needed: the layer of a later step has what it does');
        return Promise.resolve({ cached: true });
      });
    }
    await this.#report(step, async (id) => {
      if (found) await this.#workshop.explain(id, key, found);
      return this.#moveTo(step, key, result);
    });
  }

  async #makeRow(before: readonly GuestStep[], step: DiskStep, key: CacheKey): Promise<StepResult> {
    for (const each of before) {
      await this.#report(each, async (id) => {
        this.#explain(id, 'runs: the layer of a later step needs it');
        await this.#apply(each, id);
        return { cached: false };
      });
    }
    let made: StepResult | undefined;
    await this.#report(step, async (id) => {
      await this.#workshop.explain(id, key, undefined);
      made = await this.#make(step, id, key);
      return this.#moveTo(step, key, made);
    });
    return made!;
  }

  /** What the last step reads is looked at before anything runs, and is to blame when that fails. */
  async #rowKey(before: readonly GuestStep[], step: DiskStep): Promise<CacheKey> {
    const parent = before.reduce((key, each) => stepKey(key, each, []).key, this.#key);
    const reads = await this.#readsOf(step).catch(async (error: Error) => {
      await this.#report(step, () => Promise.reject(error));
      throw error;
    });
    return stepKey(parent, step, reads);
  }

  #moveTo(step: DiskStep, key: CacheKey, { layers, created, cached, origin }: StepResult): StepOutcome {
    this.#workshop.offer(key, this.#parts.isOfTarget);
    this.#layers = layers;
    this.#key = key.key;
    this.#created = created;
    this.#addHistory(step, layers[0]);
    return { cached, layer: layers[0], origin };
  }

  #addHistory(step: Step, layer?: string): void {
    this.#history.push({
      created: this.#created,
      createdBy: step.text,
      ...(layer !== undefined && { layer }),
    });
  }

  #explain(step: StepId, text: string): void {
    if (this.#workshop.options.explain === true) this.#workshop.onEvent({ type: 'explain', step, text });
  }

  #report(step: Step, work: (id: StepId) => Promise<StepOutcome>): Promise<void> {
    return this.#parts.report(step, (id) => {
      this.#step = id;
      return work(id);
    });
  }

  /** What a sandbox waits for is told of as the step's that is at work. */
  readonly #onStatus = (status: string | undefined): void => {
    if (this.#step !== undefined) this.#workshop.status(this.#step, status);
  };

  #readsOf(step: DiskStep): Promise<readonly string[]> {
    const known = this.#reads.get(step) ?? readsOf(step, this.#workshop, this.#sources);
    this.#reads.set(step, known);
    return known;
  }

  async #find(key: string): Promise<(StepResult & Found) | undefined> {
    const found = this.#workshop.options.noCache ? undefined : await this.#workshop.find(key);
    return found && { ...found, cached: true };
  }

  async #make(step: DiskStep, id: StepId, { key, inputs }: CacheKey): Promise<StepResult> {
    const layer = await this.#runAndSeal(step, id, key);
    const created = new Date().toISOString();
    this.#workshop.recordLayer({ layer, parent: this.#layers[0], key, inputs, created });
    return { layers: [layer, ...this.#layers], created, cached: false };
  }

  async #runAndSeal(step: DiskStep, id: StepId, key: string): Promise<string> {
    const open = await this.#apply(step, id);
    try {
      const layer = open.layer;
      const next = step === this.#lastOnDisk ? undefined : this.#workshop.store.newLayer();
      await open.sandbox.seal(next?.path);
      if (next) Object.assign(open, { layer: next.id, key });
      else await this.#closeSandbox();
      return layer;
    } catch (error) {
      await this.#closeSandbox();
      throw error;
    }
  }

  /** Runs a step in the sandbox, which is gone when that fails. */
  async #apply(step: DiskStep, id: StepId): Promise<OpenSandbox> {
    const open = await this.#sandbox();
    const { workshop, base } = this.#parts;
    try {
      await applyStep(step, open.sandbox, { workshop, id, sources: this.#sources, os: base.os });
      return open;
    } catch (error) {
      await this.#closeSandbox();
      throw error;
    }
  }

  /** The open sandbox if it stands where the line stands, else a new one there. */
  async #sandbox(): Promise<OpenSandbox> {
    if (this.#open && this.#open.key !== this.#key) await this.#closeSandbox();
    if (this.#open) return this.#open;
    const { store, signal } = this.#workshop;
    const driver = await this.#workshop.driver();
    // Before a disk is fetched that it can do nothing with.
    if (driver.guestSystems?.includes(this.#parts.base.os) === false)
      throw new HyperfileError('DRIVER_WINDOWS_GUEST');
    await this.#workshop.distant.bring(this.#layers);
    const { id, path } = store.newLayer();
    const chain = store.chainPaths(this.#layers);
    const { disk, config } = this.#parts.base;
    const machine = config.machine && { machine: config.machine };
    const sandbox = await driver.open({
      chain,
      sandboxPath: path,
      root: rootOf(disk),
      ...machine,
      onStatus: this.#onStatus,
      signal,
    });
    return (this.#open = { sandbox, layer: id, key: this.#key });
  }
}
