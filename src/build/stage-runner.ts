/** Builds stages: each once, those it needs first, independent ones side by side. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Recipe, Stage } from '../language/ast.ts';
import { locate } from '../language/diagnostic.ts';
import type { ExpandOptions } from '../language/expand.ts';
import type { StageGraph, StageNode } from '../plan/stage-graph.ts';
import { planSteps, type Inherited } from '../plan/stage-steps.ts';
import { changesDisk } from '../plan/step.ts';
import { resolveBase, type Base } from './bases/base.ts';
import { LayerLine } from './layer-line.ts';
import { StepReporter } from './step-reporter.ts';
import type { UnusedArgs } from './unused-args.ts';
import type { Workshop } from './workshop.ts';

/** A finished stage: a base for others. */
export interface StageResult extends Omit<Base, 'cached' | 'origin'> {
  readonly inherited: Inherited;
}

export interface StageRunnerParts {
  readonly recipe: Recipe;
  readonly graph: StageGraph;
  readonly workshop: Workshop;
  readonly expand: ExpandOptions;
  readonly unusedArgs: UnusedArgs;
}

export class StageRunner {
  readonly #parts: StageRunnerParts;
  readonly #results = new Map<number, Promise<StageResult>>();

  constructor(parts: StageRunnerParts) {
    this.#parts = parts;
  }

  /**
   * Builds the target and what it needs. All needed stages start at once and wait where they need another one's
   * result. When one fails, the others are stopped before the first error is thrown.
   */
  async run(target: number): Promise<StageResult> {
    const { graph, workshop } = this.#parts;
    for (const node of graph.stages) this.#start(node);
    const outcomes = await Promise.allSettled(this.#results.values());
    await workshop.recorded();
    const failures = outcomes.flatMap((outcome): unknown[] =>
      outcome.status === 'rejected' ? [outcome.reason] : [],
    );
    if (failures.length > 0)
      throw failures.find((error) => !isHyperfileError(error, 'INTERRUPTED')) ?? failures[0];
    return this.result(target);
  }

  /** The finished stage, once it is. */
  result(index: number): Promise<StageResult> {
    const result = this.#results.get(index);
    if (!result) throw new Error(`stage ${index} was not planned`);
    return result;
  }

  #start(node: StageNode): void {
    const result = this.#build(node).catch((error: unknown) => {
      this.#parts.workshop.stopOthers();
      throw error;
    });
    result.catch(() => undefined);
    this.#results.set(node.stage.index, result);
  }

  async #build(node: StageNode): Promise<StageResult> {
    const { recipe, graph, workshop, expand, unusedArgs } = this.#parts;
    const { stage } = node;
    const reporter = new StepReporter(workshop, {
      index: stage.index,
      totalSteps: stageSteps(stage),
      ...(stage.name && { name: stage.name }),
    });
    const base = await this.#base(node, reporter);
    unusedArgs.warnFor(stage, base.inherited.os);
    const { buildArgs } = workshop.options;
    const options = { buildArgs, globals: graph.globals, expand };
    const { steps, inherited } = planSteps(recipe, node, base.inherited, options);
    const line = new LayerLine({
      base,
      workshop,
      steps,
      stage: (index) => this.result(index),
      isOfTarget: this.#isOfTarget(stage.index),
      report: (step, work) => reporter.report(step.title, step.location, work),
    });
    line.lookAhead();
    try {
      for (const step of steps) await line.take(step);
      return { ...line.result(), config: inherited.config, inherited };
    } finally {
      await line.close();
    }
  }

  async #base(node: StageNode, reporter: StepReporter): Promise<StageResult> {
    // Started stages are all in the map before any of them runs on.
    await Promise.resolve();
    const { recipe, workshop } = this.#parts;
    const { base, stage } = node;
    const at = locate(recipe.source, recipe.fileName, stage.from.range);
    const title = stage.from.text;
    if (base.kind === 'stage') {
      const below = await this.result(base.index).catch(() => {
        throw new HyperfileError('INTERRUPTED');
      });
      await reporter.report(title, at, () => Promise.resolve({ cached: true }));
      return below;
    }
    let resolved: StageResult | undefined;
    await reporter.report(title, at, async (id) => {
      const outcome = await resolveBase(base.reference, workshop, id, base.platform);
      const { os, config } = outcome;
      resolved = { ...outcome, inherited: { os, config, args: new Map() } };
      if (outcome.cached) await workshop.explain(id, { key: outcome.key, inputs: undefined }, outcome);
      workshop.offer(outcome, this.#isOfTarget(stage.index));
      return { cached: outcome.cached, layer: outcome.layers[0], origin: outcome.origin };
    });
    return resolved!;
  }

  /** The target stage and those it stands on: their layers are the image's. */
  #isOfTarget(index: number): boolean {
    const { graph } = this.#parts;
    for (let node = nodeOf(graph, graph.target); node;) {
      if (node.stage.index === index) return true;
      node = node.base.kind === 'stage' ? nodeOf(graph, node.base.index) : undefined;
    }
    return false;
  }
}

function nodeOf(graph: StageGraph, index: number): StageNode | undefined {
  return graph.stages.find(({ stage }) => stage.index === index);
}

/** FROM and every instruction that may change the disk count as a step. */
export function stageSteps(stage: Stage): number {
  return 1 + stage.instructions.filter(changesDisk).length;
}
