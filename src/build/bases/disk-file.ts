/** FROM ./golden.vhdx (.vhd, .qcow2, .raw, .img): a disk of the host becomes a base layer of the store. */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { HyperfileError } from '../../base/error.ts';
import { digestFile } from '../../fs/digest-file.ts';
import type { DiskBase } from '../../language/base-reference.ts';
import { guestOsOf, type DiskDescription } from '../../oci/image.ts';
import { emptyConfig } from '../../plan/guest-config.ts';
import { baseKey, type CacheKey } from '../../plan/key.ts';
import { openChain } from '../../vhdx/chain.ts';
import type { StepId } from '../events.ts';
import type { Cached, Found, Workshop } from '../workshop.ts';
import { adoptDisk } from './adopt-disk.ts';
import type { Base } from './base.ts';
import { fileKind } from './disk-kind.ts';

/** @throws HyperfileError BUILD_BASE_MISSING, DISK_UNUSABLE, and the VHDX engine's for a damaged one. */
export async function diskFileBase(reference: DiskBase, workshop: Workshop, step: StepId): Promise<Base> {
  const file = path.resolve(workshop.options.contextPath, reference.path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new HyperfileError('BUILD_BASE_MISSING', { data: { path: file } });
  return importDisk(file, workshop, step);
}

/** The same for any disk file: found again by its content, or taken into the store. */
export async function importDisk(file: string, workshop: Workshop, step: StepId): Promise<Base> {
  const key = await contentKey(file, workshop, step);
  return workshop.shared(key.key, () => findOrAdopt(file, key, workshop, step));
}

async function findOrAdopt(file: string, key: CacheKey, workshop: Workshop, step: StepId): Promise<Base> {
  const { store } = workshop;
  const memo = `disk-${key.key}`;
  const found = await workshop.find(key.key);
  const known = parseDisk(await workshop.recall(memo));
  if (found && known) return asBase(file, { ...found, cached: true }, known, key.key);
  const { id, path: layerPath } = store.newLayer();
  try {
    await adoptDisk(file, layerPath, workshop, step);
    const driver = await workshop.driver();
    const root = await driver.findRoot([layerPath], workshop.signal);
    const sizeBytes = diskSize(layerPath);
    const disk = { sizeBytes, rootOffset: root.offset, rootLength: root.length, rootType: root.type };
    const created = new Date().toISOString();
    workshop.recordLayer({ layer: id, parent: undefined, ...key, created });
    await workshop.remember(memo, JSON.stringify(disk));
    return asBase(file, { layers: [id], created, cached: false }, disk, key.key);
  } catch (error) {
    store.discardLayer(id);
    throw error;
  }
}

/** Every byte of the disk counts: of a differencing one, the files below it too. */
async function contentKey(file: string, workshop: Workshop, step: StepId): Promise<CacheKey> {
  const kind = await fileKind(file);
  const files = kind.kind === 'disk' && kind.format === 'vhdx' ? chainFiles(file) : [file];
  const cache = await workshop.fileDigests();
  const onProgress = workshop.progress(step, 'reading the disk');
  const digests: string[] = [];
  for (const part of files)
    digests.push(await digestFile(part, { cache, signal: workshop.signal, onProgress }));
  return baseKey({ kind: 'disk' }, digests);
}

/** A differencing disk's files, leaf first. */
function chainFiles(leaf: string): string[] {
  const chain = openChain(leaf);
  chain.close();
  return chain.layers.map((layer) => layer.path);
}

function diskSize(file: string): number {
  const chain = openChain(file);
  chain.close();
  return chain.sizeBytes;
}

function asBase(file: string, made: Found & Cached, disk: DiskDescription, key: string): Base {
  const history = [
    { created: made.created, createdBy: `FROM ${path.basename(file)}`, layer: made.layers[0] },
  ];
  const os = guestOsOf(disk.rootType);
  return { ...made, os, disk, config: emptyConfig(os), key, history };
}

function parseDisk(text: string | undefined): DiskDescription | undefined {
  if (text === undefined) return undefined;
  const disk = JSON.parse(text) as Partial<DiskDescription>;
  const { sizeBytes, rootOffset, rootLength, rootType } = disk;
  const isWhole =
    [sizeBytes, rootOffset, rootLength].every(Number.isSafeInteger) && typeof rootType === 'string';
  return isWhole ? (disk as DiskDescription) : undefined;
}
