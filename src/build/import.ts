/** Makes an image of a disk file or of a root file system tar. */
import path from 'node:path';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { decompress, type ArchiveKind } from '../fs/archive.ts';
import { digestFile } from '../fs/digest-file.ts';
import { baseKey } from '../plan/key.ts';
import { fileKind } from './bases/disk-kind.ts';
import { importDisk } from './bases/disk-file.ts';
import { fillFromTar } from './bases/root-tar.ts';
import { scratchBase } from './bases/scratch.ts';
import type { Base } from './bases/base.ts';
import type { BuildIo } from './build.ts';
import { nameImage } from './name-image.ts';
import type { BuiltImage } from './events.ts';
import { DEFAULT_DISK_BYTES, type BuildOptions } from './options.ts';
import { StepReporter } from './step-reporter.ts';
import { Workshop } from './workshop.ts';

export interface ImportOptions {
  readonly file: string;
  readonly name: string;
  /** Virtual size of the disk made for a tar. */
  readonly diskSizeBytes?: number;
  readonly driver?: string;
}

const PIECE_BYTES = 1024 * 1024;

/** @throws HyperfileError BUILD_BASE_MISSING, BUILD_NOT_A_DISK, FS_ARCHIVE_CUT_SHORT, INTERRUPTED */
export async function importImage(options: ImportOptions, io: BuildIo): Promise<BuiltImage> {
  const file = path.resolve(options.file);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new HyperfileError('BUILD_BASE_MISSING', { data: { path: file } });
  const workshop = await importWorkshop(options, io);
  const startedMs = performance.now();
  io.onEvent({ type: 'build-start', recipe: options.file, totalSteps: 1 });
  const summary = () => ({
    cachedSteps: workshop.cachedSteps,
    totalSteps: 1,
    durationMs: performance.now() - startedMs,
  });
  try {
    const base = await takeIn(file, workshop, options);
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

async function takeIn(file: string, workshop: Workshop, options: ImportOptions): Promise<Base> {
  const kind = await fileKind(file);
  const reporter = new StepReporter(workshop, { index: 0, name: 'import', totalSteps: 1 });
  let base: Base | undefined;
  await reporter.report(`import ${options.file}`, undefined, async (step) => {
    base =
      kind.kind === 'disk'
        ? await importDisk(file, workshop, step)
        : await importTar(file, kind.archive, workshop);
    return { cached: base.cached, layer: base.layers[0] };
  });
  return base!;
}

async function importTar(file: string, archive: ArchiveKind, workshop: Workshop): Promise<Base> {
  const { store, signal } = workshop;
  const empty = await scratchBase(workshop);
  const digest = await digestFile(file, { cache: await workshop.fileDigests(), signal });
  const { key, inputs } = baseKey({ kind: 'tar', disk: empty.key }, [digest]);
  const asBase = (layer: string, created: string, cached: boolean): Base => {
    const history = [...empty.history, { created, createdBy: `import ${path.basename(file)}`, layer }];
    return { ...empty, layers: [layer, ...empty.layers], key, created, history, cached };
  };
  const record = await store.cacheGet(key);
  if (record?.layer !== undefined) return asBase(record.layer, record.created, true);
  const packed = createReadStream(file, { highWaterMark: PIECE_BYTES });
  const tar = decompress(packed, archive, path.basename(file));
  const filled = await fillFromTar(empty, tar, path.basename(file), workshop, () => Promise.resolve());
  const { layer, created } = filled;
  workshop.recordLayer({ layer, parent: empty.layers[0], key, inputs, created });
  return asBase(layer, created, false);
}

function importWorkshop(options: ImportOptions, io: BuildIo): Promise<Workshop> {
  const folder = path.dirname(path.resolve(options.file));
  const build: BuildOptions = {
    contextPath: folder,
    tags: [options.name],
    buildArgs: {},
    noCache: false,
    pull: false,
    diskSizeBytes: options.diskSizeBytes ?? DEFAULT_DISK_BYTES,
    ...(options.driver !== undefined && { driver: options.driver }),
  };
  const context = { label: 'the imported file', rootPath: folder, keepOwners: false };
  return Workshop.open({ ...io, options: build, context });
}
