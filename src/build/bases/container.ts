/**
 * FROM a container image: all its layers on a fresh disk, as one layer of ours. It is found again by the digest of the
 * image's manifest; what its config says is remembered, so that then nothing is asked of wherever it came from.
 */
import { HyperfileError } from '../../base/error.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestHex, digestOf } from '../../oci/digest.ts';
import type { DiskDescription, HistoryEntry } from '../../oci/image.ts';
import type { ImageManifest } from '../../oci/manifest.ts';
import type { Repository } from '../../oci/repository.ts';
import { readSmallBlob } from '../../oci/verified-blob.ts';
import { baseKey, type CacheKey } from '../../plan/key.ts';
import type { StepId } from '../events.ts';
import type { Cached, Found, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { MAX_CONFIG_BYTES, parseContainerConfig, type ContainerConfig } from './container-config.ts';
import { warnOfArchitecture } from './image-as-base.ts';
import { checkLayer, type ContainerLayer } from './container-layer.ts';
import { fillDisk } from './root-tar.ts';
import { emptyDisk, scratchBase, scratchEntry } from './scratch.ts';

export interface ContainerImage {
  /** What people call it: `debian:12`. */
  readonly name: string;
  readonly manifest: ImageManifest;
  readonly descriptor: Descriptor;
  /** Where its blobs are. */
  readonly repository: Repository;
}

/** Larger configs are not remembered but read again. */
const MAX_MEMO_CHARACTERS = 256 * 1024;

/**
 * @throws HyperfileError BUILD_CONTAINER_CONFIG, BUILD_CONTAINER_PLATFORM, BUILD_CONTAINER_LAYER,
 *   BUILD_CONTAINER_TOO_LARGE, BUILD_CONTAINER_DIFF_ID, FS_ARCHIVE_CORRUPT and its like, and of where the image is
 */
export async function containerBase(image: ContainerImage, workshop: Workshop, step: StepId): Promise<Base> {
  const { disk, key: diskKey } = emptyDisk(workshop);
  const key = baseKey({ kind: 'container', disk: diskKey }, [image.descriptor.digest]);
  return workshop.shared(key.key, async () => {
    const container = await readConfig(image, workshop);
    warnOfDifferences(image.name, container, workshop);
    const found = await workshop.find(key.key);
    const made = found
      ? { ...found, cached: true }
      : { ...(await make(image, container, key, workshop, step)), cached: false };
    return asBase(image.name, container, key.key, disk, made);
  });
}

async function make(
  image: ContainerImage,
  container: ContainerConfig,
  { key, inputs }: CacheKey,
  workshop: Workshop,
  step: StepId,
): Promise<Found> {
  const layers = layersOf(image, container);
  layers.forEach(checkLayer);
  const empty = await scratchBase(workshop);
  const { unpackLayers } = await import('./container-layers.ts');
  const { layer, created } = await fillDisk(empty, workshop, ({ files }) =>
    unpackLayers(
      layers,
      { files, repository: image.repository, diskBytes: empty.disk.sizeBytes },
      workshop,
      step,
    ),
  );
  workshop.recordLayer({ layer, parent: empty.layers[0], key, inputs, created });
  return { layers: [layer, ...empty.layers], created };
}

function layersOf({ manifest, name }: ContainerImage, { diffIds }: ContainerConfig): ContainerLayer[] {
  if (diffIds.length !== manifest.layers.length) {
    const reason = `it names ${diffIds.length} layers, and the image has ${manifest.layers.length}`;
    throw new HyperfileError('BUILD_CONTAINER_CONFIG', { data: { name, reason } });
  }
  return manifest.layers.map((descriptor, index) => ({
    label: `layer ${index + 1} of ${name}`,
    descriptor,
    diffId: diffIds[index],
  }));
}

/** A remembered text counts only if it has the digest that the manifest asks for. */
async function readConfig(image: ContainerImage, workshop: Workshop): Promise<ContainerConfig> {
  const { name, repository } = image;
  const { digest } = image.manifest.config;
  const memo = `container-config-${digestHex(digest)}`;
  const known = await workshop.recall(memo);
  if (known !== undefined && digestOf(known) === digest)
    return parseContainerConfig(Buffer.from(known), name);
  const { signal } = workshop;
  const bytes = await readSmallBlob(repository, image.manifest.config, MAX_CONFIG_BYTES, { signal });
  const container = parseContainerConfig(bytes, name);
  const text = Buffer.from(bytes).toString();
  if (text.length <= MAX_MEMO_CHARACTERS) await workshop.remember(memo, text);
  return container;
}

/** @throws HyperfileError BUILD_CONTAINER_PLATFORM */
function warnOfDifferences(name: string, container: ContainerConfig, { onEvent }: Workshop): void {
  const { os, architecture } = container.platform;
  const platform = `${os}/${architecture}`;
  if (os !== 'linux') throw new HyperfileError('BUILD_CONTAINER_PLATFORM', { data: { name, platform } });
  warnOfArchitecture(name, container.platform, { onEvent });
  const { triggers } = container;
  if (triggers.length === 0) return;
  const message = `${name} has ONBUILD instructions, which are not run: ${triggers.join('; ')}`;
  onEvent({ type: 'warning', message, hint: 'write into the recipe what it needs of them' });
}

function asBase(
  name: string,
  { config, history, platform: { architecture } }: ContainerConfig,
  key: string,
  disk: DiskDescription,
  made: Found & Cached,
): Base {
  const { created, layers } = made;
  const steps: HistoryEntry[] = history.map((step) => ({ created, ...step }));
  const entry = { created, createdBy: `FROM ${name}`, layer: layers[0] };
  const start = scratchEntry(made);
  const all = [start, ...steps, entry];
  return { ...made, os: 'linux', architecture, disk, kind: 'container', config, key, history: all };
}
