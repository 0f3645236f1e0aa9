/** Plans recipes for the tests: text in, stages and steps out. */
import { parseRecipe, raiseErrors } from '../../src/language/parse.ts';
import { emptyConfig } from '../../src/plan/guest-config.ts';
import type { Platform } from '../../src/plan/platform.ts';
import { planStages, type StageGraph } from '../../src/plan/stage-graph.ts';
import { planSteps } from '../../src/plan/stage-steps.ts';
import type { Step } from '../../src/plan/step.ts';
import type { Recipe } from '../../src/language/ast.ts';
import type { GuestOs } from '../../src/oci/image.ts';

export interface PlanOptions {
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  /** Of the empty base. */
  readonly os?: GuestOs;
}

export function parse(text: string): Recipe {
  const result = parseRecipe(text, 'Hyperfile');
  raiseErrors(result);
  return result.recipe;
}

export function graphOf(text: string, options: PlanOptions = {}): StageGraph {
  const recipe = parse(text);
  return planStages(recipe, { buildArgs: {}, ...options, expand: { recipe } });
}

/** The steps of the last stage, standing on an empty base or on the stage it names. */
export function stepsOf(text: string, options: PlanOptions = {}): readonly Step[] {
  const recipe = parse(text);
  const { os = 'linux' } = options;
  const all = { buildArgs: {}, ...options, expand: { recipe } };
  const graph = planStages(recipe, all);
  const of = (index: number): ReturnType<typeof planSteps> => {
    const node = graph.stages.find(({ stage }) => stage.index === index)!;
    const below =
      node.base.kind === 'stage'
        ? of(node.base.index).inherited
        : { os, config: emptyConfig(os), args: new Map<string, string>() };
    return planSteps(recipe, node, below, { ...all, globals: graph.globals });
  };
  return of(graph.target).steps;
}

export function lastStep<K extends Step['kind']>(
  text: string,
  kind: K,
  options?: PlanOptions,
): Extract<Step, { kind: K }> {
  const step = stepsOf(text, options).findLast((candidate) => candidate.kind === kind);
  if (!step) throw new Error(`no ${kind} step`);
  return step as Extract<Step, { kind: K }>;
}
