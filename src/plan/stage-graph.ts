/** Which stages a target needs, what each stands on, and the arguments that FROM lines see. */
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { CopyInstruction, Recipe, Stage } from '../language/ast.ts';
import {
  debootstrapProblem,
  parseBase,
  splitPackages,
  type BaseReference,
  type IsoBase,
} from '../language/base-reference.ts';
import { locate } from '../language/diagnostic.ts';
import type { ExpandOptions } from '../language/expand.ts';
import { hostPlatform, parsePlatform, platformArguments, type Platform } from './platform.ts';
import { Scope } from './scope.ts';
import type { CopyOrigin } from './step.ts';

export interface StageGraph {
  /** Index of the stage to build. */
  readonly target: number;
  /** The stages that the target needs, itself included, in the recipe's order. */
  readonly stages: readonly StageNode[];
  readonly globals: ReadonlyMap<string, string>;
}

export interface StageNode {
  readonly stage: Stage;
  readonly base: StageBase;
  /** Stages that COPY --from reads. */
  readonly copiesFrom: readonly number[];
}

export type StageBase =
  | { readonly kind: 'stage'; readonly index: number }
  | {
      readonly kind: 'base';
      readonly reference: BaseReference;
      readonly text: string;
      /** Which image of several; absent: what {@link guestPlatforms} says. */
      readonly platform?: Platform;
    };

export interface GraphOptions {
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** What is built for, and taken where FROM names no platform. */
  readonly platform?: Platform;
  readonly expand: ExpandOptions;
}

/** @throws HyperfileError PLAN_NO_STAGE for an unknown target, and the language's errors in FROM lines. */
export function planStages(recipe: Recipe, options: GraphOptions): StageGraph {
  const target = findTarget(recipe, options.target);
  const globals = globalArguments(recipe, target, options);
  const needed = new Map<number, StageNode>();
  const visit = (index: number): void => {
    if (needed.has(index)) return;
    const node = describeStage(recipe, index, globals, options);
    needed.set(index, node);
    if (node.base.kind === 'stage') visit(node.base.index);
    node.copiesFrom.forEach(visit);
  };
  visit(target);
  const stages = [...needed.values()].sort((a, b) => a.stage.index - b.stage.index);
  return { target, stages, globals };
}

/** What `COPY --from` of a stage names: an earlier stage by name or number, else an image. */
export function copyOrigin(recipe: Recipe, stageIndex: number, instruction: CopyInstruction): CopyOrigin {
  if (!instruction.from) return { kind: 'context' };
  const name = instruction.from.raw;
  const index = /^\d+$/.test(name) ? Number(name) : findEarlier(recipe, stageIndex, name);
  if (index === undefined) return { kind: 'image', name };
  if (index >= stageIndex) {
    throw new HyperfileError('PLAN_LATER_STAGE', {
      data: { stage: name },
      at: locate(recipe.source, recipe.fileName, instruction.from.range),
    });
  }
  return { kind: 'stage', index };
}

function findTarget(recipe: Recipe, target: string | undefined): number {
  if (target === undefined) return recipe.stages.length - 1;
  const name = target.toLowerCase();
  const named = recipe.stages.findLast((stage) => stage.name === name);
  if (named) return named.index;
  if (/^\d+$/.test(name) && Number(name) < recipe.stages.length) return Number(name);
  const names = recipe.stages.flatMap((stage) => stage.name ?? []);
  const near = suggest(name, names);
  throw new HyperfileError('PLAN_NO_STAGE', {
    data: { stage: target },
    at: recipe.fileName,
    ...(near !== undefined && { hint: `Did you mean ${near}?` }),
  });
}

function findEarlier(recipe: Recipe, before: number, name: string): number | undefined {
  const wanted = name.toLowerCase();
  return recipe.stages.slice(0, before).findLast((stage) => stage.name === wanted)?.index;
}

function globalArguments(recipe: Recipe, target: number, options: GraphOptions): Map<string, string> {
  const host = hostPlatform();
  const automatic = platformArguments(
    host,
    options.platform ?? host,
    recipe.stages[target]?.name ?? String(target),
  );
  const globals = new Map([...automatic].map(([name, value]) => [name, options.buildArgs[name] ?? value]));
  const scope = new Scope({}, globals, { buildArgs: options.buildArgs, globals, expand: options.expand });
  for (const { declarations } of recipe.globalArgs) {
    for (const { name, default: fallback } of declarations) {
      scope.declareArg(scope.expand(name), fallback && scope.expand(fallback));
    }
  }
  return new Map(scope.args);
}

function describeStage(
  recipe: Recipe,
  index: number,
  globals: ReadonlyMap<string, string>,
  options: GraphOptions,
): StageNode {
  const stage = recipe.stages[index];
  const scope = new Scope({}, globals, { buildArgs: options.buildArgs, globals, expand: options.expand });
  const text = scope.expand(stage.from.base);
  const earlier = findEarlier(recipe, index, text);
  const copies = stage.instructions.flatMap((instruction) => {
    const origin = instruction.kind === 'COPY' ? copyOrigin(recipe, index, instruction) : undefined;
    return origin?.kind === 'stage' ? [origin.index] : [];
  });
  const platform = stagePlatform(recipe, stage, scope) ?? options.platform;
  const base: StageBase =
    earlier === undefined
      ? {
          kind: 'base',
          text,
          reference: baseReference(recipe, stage, text, scope),
          ...(platform && { platform }),
        }
      : { kind: 'stage', index: earlier };
  if (base.kind === 'stage') refuseIsoFlags(recipe, stage, text);
  return { stage, base, copiesFrom: [...new Set(copies)] };
}

/** As in Docker, one that is empty once its variables are filled in is none. */
function stagePlatform(recipe: Recipe, { from }: Stage, scope: Scope): Platform | undefined {
  const text = from.platform === undefined ? '' : scope.expand(from.platform);
  if (from.platform === undefined || text === '') return undefined;
  const platform = parsePlatform(text);
  if (platform !== undefined) return platform;
  const problem = `--platform is ${JSON.stringify(text)}, and takes OS/ARCHITECTURE, such as windows/amd64`;
  const at = locate(recipe.source, recipe.fileName, from.platform.range);
  throw new HyperfileError('LANG_BASE', { data: { value: from.base.raw, problem }, at });
}

/** The base that FROM names, with the flags that win over the same options in its query. */
function baseReference(recipe: Recipe, stage: Stage, text: string, scope: Scope): BaseReference {
  const at = locate(recipe.source, recipe.fileName, stage.from.base.range);
  if (text === '') throw new HyperfileError('PLAN_EMPTY_BASE', { data: { base: stage.from.base.raw }, at });
  const reference = parseBase(text, at);
  if (reference.kind === 'iso') return isoBase(recipe, stage, reference, scope);
  refuseIsoFlags(recipe, stage, text);
  if (reference.kind !== 'debootstrap') return reference;
  const { include, variant, mirror } = stage.from;
  const options = {
    ...(include && { include: splitPackages(scope.expand(include)) }),
    ...(variant && { variant: scope.expand(variant) }),
    ...(mirror && { mirror: scope.expand(mirror) }),
  };
  const problem = debootstrapProblem(options);
  if (problem !== undefined) throw new HyperfileError('LANG_BASE', { data: { value: text, problem }, at });
  return { ...reference, ...options };
}

function isoBase(recipe: Recipe, { from }: Stage, reference: IsoBase, scope: Scope): IsoBase {
  const valueOf = (name: 'edition' | 'unattend'): { readonly [K in typeof name]?: string } => {
    const word = from[name];
    if (word === undefined) return {};
    const value = scope.expand(word);
    if (value !== '') return { [name]: value };
    const problem = `--${name} is empty once its variables are filled in`;
    const at = locate(recipe.source, recipe.fileName, word.range);
    throw new HyperfileError('LANG_BASE', { data: { value: reference.path, problem }, at });
  };
  return { ...reference, ...valueOf('edition'), ...valueOf('unattend') };
}

/** A flag that means nothing here was meant for something else. */
function refuseIsoFlags(recipe: Recipe, { from }: Stage, value: string): void {
  const flag = from.flags.find(({ name }) => name === 'edition' || name === 'unattend');
  if (flag === undefined) return;
  const problem = `--${flag.name} is for a medium that installs Windows, whose name ends in .iso`;
  const at = locate(recipe.source, recipe.fileName, flag.range);
  throw new HyperfileError('LANG_BASE', { data: { value, problem }, at });
}
