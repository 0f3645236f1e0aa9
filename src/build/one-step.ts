/** An image made in one step without a recipe: of a disk, an archive, or a container image. */
import { isHyperfileError } from '../base/error.ts';
import type { Base } from './bases/base.ts';
import type { BuildIo } from './build.ts';
import { checkDriver } from './check-driver.ts';
import type { BuiltImage, StepId } from './events.ts';
import { nameImage } from './name-image.ts';
import { DEFAULT_DISK_BYTES, type BuildOptions } from './options.ts';
import { StepReporter } from './step-reporter.ts';
import { Workshop } from './workshop.ts';

export interface OneStepOptions {
  /** What is shown: `import golden.vhdx`. */
  readonly title: string;
  /** The first word of it. */
  readonly verb: string;
  /** The image's name. */
  readonly name: string;
  /** Where what is made of something lies. */
  readonly folder: string;
  /** Virtual size of a new disk. */
  readonly diskSizeBytes?: number | undefined;
  readonly driver?: string | undefined;
  readonly driverOptions?: Readonly<Record<string, string>> | undefined;
}

/** @throws HyperfileError what `make` throws, and INTERRUPTED */
export async function buildInOneStep(
  options: OneStepOptions,
  io: BuildIo,
  make: (workshop: Workshop, step: StepId) => Promise<Base>,
): Promise<BuiltImage> {
  await checkDriver(options, io);
  const workshop = await openWorkshop(options, io);
  const startedMs = performance.now();
  io.onEvent({ type: 'build-start', recipe: options.title, totalSteps: 1 });
  const summary = () => ({
    cachedSteps: workshop.cachedSteps,
    totalSteps: 1,
    durationMs: performance.now() - startedMs,
  });
  try {
    const base = await report(options, workshop, make);
    await workshop.recorded();
    const image = await nameImage(base, [options.name], io.store);
    io.onEvent({ type: 'build-end', status: 'done', image, ...summary() });
    return image;
  } catch (error) {
    const status = isHyperfileError(error, 'INTERRUPTED') ? 'cancelled' : 'failed';
    io.onEvent({ type: 'build-end', status, ...summary() });
    throw error;
  } finally {
    await workshop.close();
  }
}

async function report(
  { title, verb }: OneStepOptions,
  workshop: Workshop,
  make: (workshop: Workshop, step: StepId) => Promise<Base>,
): Promise<Base> {
  const reporter = new StepReporter(workshop, { index: 0, name: verb, totalSteps: 1 });
  let base: Base | undefined;
  await reporter.report(title, undefined, async (step) => {
    base = await make(workshop, step);
    return { cached: base.cached, layer: base.layers[0] };
  });
  return base!;
}

function openWorkshop(
  { name, folder, diskSizeBytes, driver, driverOptions }: OneStepOptions,
  io: BuildIo,
): Promise<Workshop> {
  const build: BuildOptions = {
    contextPath: folder,
    tags: [name],
    buildArgs: {},
    noCache: false,
    pull: false,
    diskSizeBytes: diskSizeBytes ?? DEFAULT_DISK_BYTES,
    ...(driver !== undefined && { driver }),
    ...(driverOptions && { driverOptions }),
  };
  const context = { label: 'no context', rootPath: folder, keepOwners: false };
  return Workshop.open({ ...io, options: build, context });
}
