/** An archive of the host becomes a base: one of images by one of them, any other as a root file system. */
import path from 'node:path';
import { createReadStream } from 'node:fs';
import { HyperfileError } from '../../base/error.ts';
import { decompress, type ArchiveKind } from '../../fs/archive.ts';
import { PIECE_BYTES } from '../../fs/decompress.ts';
import { digestFile } from '../../fs/digest-file.ts';
import { EMPTY_CONFIG } from '../../plan/guest-config.ts';
import { baseKey } from '../../plan/key.ts';
import type { Platform } from '../../plan/platform.ts';
import type { StepId } from '../events.ts';
import type { Cached, Found, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { fileKind } from './disk-kind.ts';
import { imageArchiveKind } from './image-archive.ts';
import { fillFromTar } from './root-tar.ts';
import { emptyDisk, scratchBase, scratchEntry } from './scratch.ts';

/**
 * @param references Which image of an archive: the first of these that it has.
 * @throws HyperfileError FS_ARCHIVE_UNKNOWN, FS_ARCHIVE_CORRUPT and its like, TRANSFER_IMAGE_NOT_FOUND
 */
export async function archiveBase(
  file: string,
  references: readonly string[],
  workshop: Workshop,
  step: StepId,
  platform?: Platform,
): Promise<Base> {
  const name = path.basename(file);
  const found = await fileKind(file);
  if (found.kind === 'disk') throw new HyperfileError('FS_ARCHIVE_UNKNOWN', { data: { archive: file } });
  const kind = await imageArchiveKind(file, found.archive);
  if (kind === undefined) return rootTarBase(file, found.archive, workshop);
  const { locatedBase } = await import('./located-image.ts');
  return locatedBase({ location: { kind, path: file }, name, references }, workshop, step, platform);
}

async function rootTarBase(file: string, archive: ArchiveKind, workshop: Workshop): Promise<Base> {
  const { signal } = workshop;
  const name = path.basename(file);
  const { disk, key: diskKey } = emptyDisk(workshop);
  const digest = await digestFile(file, { cache: await workshop.fileDigests(), signal });
  const { key, inputs } = baseKey({ kind: 'tar', disk: diskKey }, [digest]);
  const asBase = (made: Found & Cached): Base => {
    const entry = { created: made.created, createdBy: `import ${name}`, layer: made.layers[0] };
    const history = [scratchEntry(made), entry];
    return { ...made, os: 'linux', disk, config: EMPTY_CONFIG, key, history };
  };
  return workshop.shared(key, async () => {
    const known = await workshop.find(key);
    if (known) return asBase({ ...known, cached: true });
    const packed = createReadStream(file, { highWaterMark: PIECE_BYTES });
    const tar = decompress(packed, archive, name);
    const empty = await scratchBase(workshop);
    const { layer, created } = await fillFromTar(empty, tar, name, workshop, () => Promise.resolve());
    workshop.recordLayer({ layer, parent: empty.layers[0], key, inputs, created });
    return asBase({ layers: [layer, ...empty.layers], created, cached: false });
  });
}
