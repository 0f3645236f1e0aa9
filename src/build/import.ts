/** Makes an image of a disk file, of the tar of a root file system, or of a container image in an archive or folder. */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { HyperfileError } from '../base/error.ts';
import { DEFAULT_TAG } from '../oci/reference.ts';
import type { Base } from './bases/base.ts';
import { fileKind } from './bases/disk-kind.ts';
import type { BuildIo } from './build.ts';
import type { BuiltImage, StepId } from './events.ts';
import { buildInOneStep } from './one-step.ts';
import type { Workshop } from './workshop.ts';

export interface ImportOptions {
  /** A disk, an archive, or the folder of an OCI layout. */
  readonly file: string;
  /** Of the new image; of an archive with several images, it names the one to take. */
  readonly name: string;
  /** Virtual size of the disk made for files that come without one. */
  readonly diskSizeBytes?: number;
  readonly driver?: string;
  /** As `--driver-opt` gives them. */
  readonly driverOptions?: Readonly<Record<string, string>>;
}

/** @throws HyperfileError BUILD_BASE_MISSING, DISK_UNUSABLE, FS_ARCHIVE_CUT_SHORT, INTERRUPTED */
export async function importImage(options: ImportOptions, io: BuildIo): Promise<BuiltImage> {
  const file = path.resolve(options.file);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile() && !found?.isDirectory())
    throw new HyperfileError('BUILD_BASE_MISSING', { data: { path: file } });
  const { name, diskSizeBytes, driver, driverOptions } = options;
  const title = `import ${options.file}`;
  const folder = path.dirname(file);
  const source = { file, isFolder: found.isDirectory(), references: [name, DEFAULT_TAG] };
  return buildInOneStep(
    { title, verb: 'import', name, folder, diskSizeBytes, driver, driverOptions },
    io,
    async (workshop, step) => {
      const base = await takeIn(source, workshop, step);
      await workshop.distant.bring(base.layers);
      return base;
    },
  );
}

interface Source {
  readonly file: string;
  readonly isFolder: boolean;
  /** What the image may be called where there are several. */
  readonly references: readonly string[];
}

async function takeIn(
  { file, isFolder, references }: Source,
  workshop: Workshop,
  step: StepId,
): Promise<Base> {
  if (isFolder) {
    const { locatedBase } = await import('./bases/located-image.ts');
    const location = { kind: 'oci', path: file } as const;
    return locatedBase({ location, name: path.basename(file), references }, workshop, step);
  }
  if ((await fileKind(file)).kind === 'disk')
    return (await import('./bases/disk-file.ts')).importDisk(file, workshop, step);
  const { archiveBase } = await import('./bases/archive-file.ts');
  return archiveBase(file, references, workshop, step);
}
