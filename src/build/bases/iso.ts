/** FROM ./windows.iso: Windows is installed from its medium onto a new disk, once, and found in the cache afterwards. */
import path from 'node:path';
import { open, stat } from 'node:fs/promises';
import { HyperfileError } from '../../base/error.ts';
import { digestFile } from '../../fs/digest-file.ts';
import type { IsoBase } from '../../language/base-reference.ts';
import type { DiskDescription } from '../../oci/image.ts';
import { emptyConfig } from '../../plan/guest-config.ts';
import { baseKey, type CacheKey } from '../../plan/key.ts';
import { windowsDiskLayout } from '../../gpt/windows-disk.ts';
import type { StepId } from '../events.ts';
import type { Cached, Found, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** Changes whenever the same medium would become another disk. */
const INSTALL_SCHEME = 1;

/** Volume descriptors of ISO 9660 and of UDF begin here, in sectors of 2048 bytes, each with its name at byte 1. */
const DESCRIPTORS_OFFSET = 16 * 2048;
const DESCRIPTOR_NAMES = ['CD001', 'BEA01', 'NSR02', 'NSR03'];

interface Files {
  readonly medium: string;
  readonly unattend?: string;
}

/**
 * The key is that of the medium's and the answer file's content, of the edition's name as it is written, whatever its
 * case, and of the disk's size.
 *
 * @throws HyperfileError BUILD_BASE_MISSING, INSTALL_MEDIUM, INSTALL_UNSUPPORTED, FS_DISK_TOO_SMALL, and those of
 *   `Driver.install`
 */
export async function isoBase(reference: IsoBase, workshop: Workshop, step: StepId): Promise<Base> {
  const files = await findFiles(reference, workshop);
  const sizeBytes = workshop.options.diskSizeBytes;
  const { offset, length } = windowsDiskLayout(sizeBytes).system;
  const disk = { sizeBytes, rootOffset: offset, rootLength: length, rootType: 'ntfs' };
  const key = await keyOf(reference, files, workshop, step);
  return workshop.shared(key.key, async () => {
    const found = await workshop.find(key.key);
    if (found) return asBase(reference, { ...found, cached: true }, disk, key.key);
    const made = await install(reference, files, key, workshop, step);
    return asBase(reference, made, disk, key.key);
  });
}

async function install(
  { edition, path: name }: IsoBase,
  { medium, unattend }: Files,
  key: CacheKey,
  workshop: Workshop,
  step: StepId,
): Promise<Found & Cached> {
  const { store, signal } = workshop;
  const driver = await workshop.driver();
  if (driver.install === undefined)
    throw new HyperfileError('INSTALL_UNSUPPORTED', { data: { driver: driver.name, path: name } });
  const { id, path: layerPath } = store.newLayer();
  try {
    await driver.install({
      path: layerPath,
      sizeBytes: workshop.options.diskSizeBytes,
      mediumPath: medium,
      ...(edition !== undefined && { edition }),
      ...(unattend !== undefined && { unattendPath: unattend }),
      onProgress: workshop.progress(step, 'installed'),
      signal,
    });
    const created = new Date().toISOString();
    workshop.recordLayer({ layer: id, parent: undefined, ...key, created });
    return { layers: [id], created, cached: false };
  } catch (error) {
    store.discardLayer(id);
    throw error;
  }
}

async function findFiles(reference: IsoBase, workshop: Workshop): Promise<Files> {
  const inContext = async (name: string): Promise<string> => {
    const file = path.resolve(workshop.options.contextPath, name);
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) throw new HyperfileError('BUILD_BASE_MISSING', { data: { path: file } });
    return file;
  };
  const medium = await inContext(reference.path);
  if (!(await isDisc(medium)))
    throw new HyperfileError('INSTALL_MEDIUM', {
      data: { path: medium, message: 'it is no image of a disc' },
    });
  if (reference.unattend === undefined) return { medium };
  return { medium, unattend: await inContext(reference.unattend) };
}

async function isDisc(filePath: string): Promise<boolean> {
  const file = await open(filePath, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, DESCRIPTORS_OFFSET);
    return bytesRead === 6 && DESCRIPTOR_NAMES.includes(buffer.toString('latin1', 1));
  } finally {
    await file.close();
  }
}

async function keyOf(
  { edition }: IsoBase,
  { medium, unattend }: Files,
  workshop: Workshop,
  step: StepId,
): Promise<CacheKey> {
  const cache = await workshop.fileDigests();
  const io = { cache, signal: workshop.signal, onProgress: workshop.progress(step, 'reading the medium') };
  const digests = [await digestFile(medium, io)];
  if (unattend !== undefined) digests.push(await digestFile(unattend, io));
  const instruction = {
    kind: 'iso',
    scheme: INSTALL_SCHEME,
    ...(edition !== undefined && { edition: edition.trim().toLowerCase() }),
    sizeBytes: workshop.options.diskSizeBytes,
  };
  return baseKey(instruction, digests);
}

function asBase({ path: name }: IsoBase, made: Found & Cached, disk: DiskDescription, key: string): Base {
  const createdBy = `FROM ${path.basename(name)}`;
  const history = [{ created: made.created, createdBy, layer: made.layers[0] }];
  return { ...made, os: 'windows', disk, config: emptyConfig('windows'), key, history };
}
