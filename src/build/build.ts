/** Runs a recipe: parse, plan the needed stages, build them side by side, and name the image they make. */
import path from 'node:path';
import { readFile, stat } from 'node:fs/promises';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import type { Listener } from '../base/events.ts';
import { suggest } from '../base/suggest.ts';
import { openContext } from '../fs/build-context.ts';
import type { Recipe } from '../language/ast.ts';
import { locate } from '../language/diagnostic.ts';
import { parseRecipe, raiseErrors } from '../language/parse.ts';
import { parseReference } from '../oci/reference.ts';
import { declaredArgs, isPredefined } from '../plan/arguments.ts';
import { planStages } from '../plan/stage-graph.ts';
import type { Store } from '../store/store.ts';
import type { BuildEvent, BuiltImage } from './events.ts';
import { nameImage } from './name-image.ts';
import type { BuildOptions } from './options.ts';
import { stageSteps, StageRunner } from './stage-runner.ts';
import { Workshop } from './workshop.ts';

export interface BuildIo {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly signal: AbortSignal;
  /** When whoever shows the events can take more output of commands; undefined: now. */
  readonly drained?: () => Promise<void> | undefined;
}

export interface BuildResult {
  readonly image: BuiltImage;
  readonly cachedSteps: number;
  readonly totalSteps: number;
  readonly durationMs: number;
}

/**
 * Builds an image into the store.
 *
 * @throws HyperfileError: the recipe's errors (exit 3), a failed step (1), a missing tool (5), INTERRUPTED.
 */
export async function build(options: BuildOptions, io: BuildIo): Promise<BuildResult> {
  const startedMs = performance.now();
  for (const tag of options.tags) parseReference(tag);
  const { recipe, recipePath } = await loadRecipe(options, io.onEvent);
  warnOfUnusedArgs(recipe, options.buildArgs, io.onEvent);
  const expand = { recipe };
  const graph = planStages(recipe, { ...options, expand });
  const context = await openContext(path.resolve(options.contextPath), recipePath);
  const workshop = await Workshop.open({ ...io, options, context });
  const totalSteps = graph.stages.reduce((sum, { stage }) => sum + stageSteps(stage), 0);
  io.onEvent({ type: 'build-start', recipe: recipePath ?? '-', totalSteps });
  try {
    const runner = new StageRunner({ recipe, graph, workshop, expand });
    const result = await runner.run(graph.target);
    // Whoever stopped the build during its last moments does not expect its name to move.
    if (io.signal.aborted) throw new HyperfileError('INTERRUPTED');
    const image = await nameImage(result, options.tags, io.store);
    const summary = {
      image,
      cachedSteps: workshop.cachedSteps,
      totalSteps,
      durationMs: performance.now() - startedMs,
    };
    io.onEvent({ type: 'build-end', status: 'done', ...summary });
    return summary;
  } catch (error) {
    const status = isHyperfileError(error, 'INTERRUPTED') ? 'cancelled' : 'failed';
    const { cachedSteps } = workshop;
    io.onEvent({
      type: 'build-end',
      status,
      cachedSteps,
      totalSteps,
      durationMs: performance.now() - startedMs,
    });
    throw error;
  } finally {
    await workshop.close();
  }
}

/** Most often a misspelt name. */
function warnOfUnusedArgs(
  recipe: Recipe,
  buildArgs: Readonly<Record<string, string>>,
  onEvent: Listener<BuildEvent>,
): void {
  const declared = declaredArgs(recipe);
  for (const name of Object.keys(buildArgs)) {
    if (declared.has(name) || isPredefined(name)) continue;
    const near = suggest(name, [...declared]);
    const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
    onEvent({ type: 'warning', message: `no ARG of the recipe takes the build argument ${name}`, ...hint });
  }
}

async function loadRecipe(
  options: BuildOptions,
  onEvent: Listener<BuildEvent>,
): Promise<{ recipe: Recipe; recipePath: string | undefined }> {
  await checkContext(options.contextPath);
  const recipePath = options.recipeText === undefined ? await findRecipe(options) : undefined;
  const text = options.recipeText ?? (await readRecipe(recipePath!));
  const fileName = recipePath === undefined ? '-' : path.relative('', recipePath) || recipePath;
  const result = parseRecipe(text, fileName);
  raiseErrors(result);
  for (const { severity, message, range, hint } of result.diagnostics) {
    if (severity !== 'warning') continue;
    onEvent({
      type: 'warning',
      message,
      at: locate(text, fileName, range),
      ...(hint !== undefined && { hint }),
    });
  }
  return { recipe: result.recipe, recipePath };
}

async function checkContext(contextPath: string): Promise<void> {
  const found = await stat(contextPath).catch(() => undefined);
  if (!found?.isDirectory()) throw new HyperfileError('BUILD_NO_CONTEXT', { data: { path: contextPath } });
}

/** `-f` as given, from the working folder as Docker does; else Hyperfile, else Dockerfile in the context. */
async function findRecipe({ recipePath, contextPath }: BuildOptions): Promise<string> {
  if (recipePath !== undefined) return path.resolve(recipePath);
  for (const name of ['Hyperfile', 'Dockerfile']) {
    const candidate = path.resolve(contextPath, name);
    if (await stat(candidate).catch(() => undefined)) return candidate;
  }
  throw new HyperfileError('BUILD_NO_RECIPE', { data: { path: path.join(contextPath, 'Hyperfile') } });
}

async function readRecipe(recipePath: string): Promise<string> {
  try {
    return await readFile(recipePath, 'utf8');
  } catch (cause) {
    const reason = systemCode(cause) === 'ENOENT' ? {} : { hint: `It cannot be read: ${systemCode(cause)}.` };
    throw new HyperfileError('BUILD_NO_RECIPE', { data: { path: recipePath }, cause, ...reason });
  }
}
