/** Runs a recipe: parse, plan the needed stages, build them side by side, and name the image they make. */
import path from 'node:path';
import { readFile, stat } from 'node:fs/promises';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import type { Listener } from '../base/events.ts';
import { openContext } from '../fs/build-context.ts';
import type { SourceTree } from '../fs/source-tree.ts';
import type { Recipe } from '../language/ast.ts';
import { locate } from '../language/diagnostic.ts';
import { parseRecipe, raiseErrors } from '../language/parse.ts';
import { parseReference } from '../oci/reference.ts';
import { planStages, type StageGraph } from '../plan/stage-graph.ts';
import type { Store } from '../store/store.ts';
import { checkDriver } from './check-driver.ts';
import type { BuildEvent, BuiltImage, PushedImage } from './events.ts';
import { LostHit } from './distant-layers.ts';
import { finish, type Finished } from './finish.ts';
import { openCaches, type Caches } from './open-caches.ts';
import type { BuildOptions } from './options.ts';
import { stageSteps, StageRunner } from './stage-runner.ts';
import { UnusedArgs } from './unused-args.ts';
import { Workshop, type DriverChoice } from './workshop.ts';

export interface BuildIo {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly signal: AbortSignal;
  /** When whoever shows the events can take more output of commands; undefined: now. */
  readonly drained?: () => Promise<void> | undefined;
  /** What opens drivers; that of the host when absent. */
  readonly chooseDriver?: DriverChoice;
}

export interface BuildResult {
  readonly image: BuiltImage;
  /** Where `--push` has put it. */
  readonly pushed?: readonly PushedImage[];
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
  const job = await prepare(options, io);
  const { graph, recipePath } = job;
  const totalSteps = graph.stages.reduce((sum, { stage }) => sum + stageSteps(stage), 0);
  io.onEvent({ type: 'build-start', recipe: recipePath ?? '-', totalSteps });
  const caches = await openCaches(options, io);
  const summary = (cachedSteps: number) => ({
    cachedSteps,
    totalSteps,
    durationMs: performance.now() - startedMs,
  });
  const tally = { cachedSteps: 0 };
  try {
    const { image, pushed } = await withoutLostCaches(caches, () => buildOnce(job, io, caches, tally));
    // The image is there already: others may use it while the rest of the export goes on.
    await caches.exporter?.finish();
    const result = { image, ...(pushed && { pushed }), ...summary(tally.cachedSteps) };
    io.onEvent({ type: 'build-end', status: 'done', ...result });
    return result;
  } catch (error) {
    const status = isHyperfileError(error, 'INTERRUPTED') ? 'cancelled' : 'failed';
    io.onEvent({ type: 'build-end', status, ...summary(tally.cachedSteps) });
    throw error;
  } finally {
    await caches.close();
  }
}

/** A recipe that was read and understood, and what it is built from. */
interface Job {
  readonly options: BuildOptions;
  readonly recipe: Recipe;
  readonly recipePath: string | undefined;
  readonly graph: StageGraph;
  readonly context: SourceTree;
  readonly unusedArgs: UnusedArgs;
}

async function prepare(options: BuildOptions, io: BuildIo): Promise<Job> {
  await checkDriver(options, io);
  for (const tag of options.tags) parseReference(tag);
  if (options.push === true && options.tags.length === 0) throw new HyperfileError('BUILD_PUSH_NAME');
  const { recipe, recipePath } = await loadRecipe(options, io.onEvent);
  const unusedArgs = new UnusedArgs(recipe, options.buildArgs, io.onEvent);
  unusedArgs.warn();
  const graph = planStages(recipe, { ...options, expand: { recipe } });
  const context = await openContext(path.resolve(options.contextPath), recipePath);
  return { options, recipe, recipePath, graph, context, unusedArgs };
}

/**
 * Builds again without a cache whose layers turned out to be lost, which the importer warns of; what was built until then
 * is in the store.
 */
async function withoutLostCaches<T>(caches: Caches, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof LostHit)) throw error;
      caches.importer?.distrust(error.hit, error.cause);
    }
  }
}

async function buildOnce(
  job: Job,
  io: BuildIo,
  caches: Caches,
  tally: { cachedSteps: number },
): Promise<Finished> {
  const { options, recipe, graph, context, unusedArgs } = job;
  const workshop = await Workshop.open({ ...io, ...caches, options, context });
  try {
    const runner = new StageRunner({ recipe, graph, workshop, expand: { recipe }, unusedArgs });
    return await finish(await runner.run(graph.target), workshop);
  } finally {
    tally.cachedSteps = workshop.cachedSteps;
    await workshop.close();
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
