/**
 * The blobs of a layer as descriptors of a manifest, and back. What a reader must know of a blob before it has it stands
 * in annotations (docs/registry.md).
 */
import type { Descriptor } from './descriptor.ts';
import { digestHex, digestOf, type Digest } from './digest.ts';
import { Fields, isCount, type Refuse } from './fields.ts';
import type { FileExtent, LayerBlob, LayerForm } from './layer-form.ts';
import { LAYER, LAYER_HEAD, LAYER_WINDOW } from './media-types.ts';

/** A window of a cut layer's virtual disk. */
export const WINDOW_BYTES = 512 * 1024 * 1024;
/** Virtual disks have at most 64 TiB. */
const MAX_WINDOWS = (64 * 1024 ** 4) / WINDOW_BYTES;

const CONTENT_DIGEST = 'dev.hyperfile.content.digest';
const CONTENT_SIZE = 'dev.hyperfile.content.size';
const TABLES_DIGEST = 'dev.hyperfile.tables.digest';
const TABLES_SIZE = 'dev.hyperfile.tables.size';
const WINDOW = 'dev.hyperfile.window';

const KINDS: Readonly<Record<string, LayerBlob['kind']>> = {
  [LAYER]: 'whole',
  [LAYER_HEAD]: 'head',
  [LAYER_WINDOW]: 'window',
};
const TYPES: Readonly<Record<LayerBlob['kind'], string>> = {
  whole: LAYER,
  head: LAYER_HEAD,
  window: LAYER_WINDOW,
};

/** What a layer's form says besides its blobs. */
export type LayerFacts = Pick<LayerForm, 'digest' | 'sizeBytes' | 'headExtents'>;

/** The descriptors of a layer's blobs, in their order. */
export function layerDescriptors(form: LayerForm): Descriptor[] {
  return form.blobs.map(blobDescriptor);
}

export function blobDescriptor(blob: LayerBlob): Descriptor {
  return {
    mediaType: TYPES[blob.kind],
    digest: blob.digest,
    size: blob.sizeBytes,
    annotations: {
      [CONTENT_DIGEST]: blob.contentDigest,
      [CONTENT_SIZE]: String(blob.contentBytes),
      [TABLES_DIGEST]: blob.tablesDigest,
      [TABLES_SIZE]: String(blob.tablesBytes),
      ...(blob.windowIndex !== undefined && { [WINDOW]: String(blob.windowIndex) }),
    },
  };
}

/** The identity of a cut layer's bytes: the SHA-256 of its blobs' content digests, 32 bytes each, in order. */
export function cutLayerDigest(contentDigests: readonly Digest[]): Digest {
  return digestOf(Buffer.from(contentDigests.map(digestHex).join(''), 'hex'));
}

/**
 * A layer's form from what its config and its descriptors say, all sizes agreeing with each other.
 *
 * @param refuse makes the error for what is wrong with it
 */
export function layerForm(facts: LayerFacts, descriptors: readonly Descriptor[], refuse: Refuse): LayerForm {
  const blobs = descriptors.map((descriptor) => layerBlob(descriptor, refuse));
  const [first, ...windows] = blobs;
  if (first?.kind === 'whole' && windows.length === 0) checkWhole(facts, first, refuse);
  else if (first?.kind === 'head') checkCut(facts, first, windows, refuse);
  else throw refuse('the blobs of a layer are neither one whole blob nor a head and its windows');
  return { ...facts, blobs };
}

function layerBlob(descriptor: Descriptor, refuse: Refuse): LayerBlob {
  const { mediaType, digest, size, annotations = {} } = descriptor;
  const kind = Object.hasOwn(KINDS, mediaType) ? KINDS[mediaType] : undefined;
  if (kind === undefined) throw refuse(`${mediaType} is not the media type of a layer's blob`);
  const fields = new Fields(annotations, 'annotations', refuse);
  const tablesBytes = decimal(fields, TABLES_SIZE);
  if (tablesBytes === 0 || tablesBytes > size) throw fields.error(TABLES_SIZE, 'a part of the blob');
  return {
    kind,
    digest,
    sizeBytes: size,
    contentDigest: fields.digest(CONTENT_DIGEST),
    contentBytes: decimal(fields, CONTENT_SIZE),
    tablesDigest: fields.digest(TABLES_DIGEST),
    tablesBytes,
    ...(kind === 'window' && { windowIndex: decimal(fields, WINDOW) }),
  };
}

function checkWhole(facts: LayerFacts, blob: LayerBlob, refuse: Refuse): void {
  if (facts.headExtents !== undefined) throw refuse('a whole layer has the extents of a head');
  if (blob.contentBytes !== facts.sizeBytes) throw refuse('the sizes of a layer and of its blob differ');
  if (blob.contentDigest !== facts.digest) throw refuse('the digests of a layer and of its blob differ');
}

function checkCut(facts: LayerFacts, head: LayerBlob, windows: readonly LayerBlob[], refuse: Refuse): void {
  const headBytes = checkExtents(facts, refuse);
  if (head.contentBytes !== headBytes)
    throw refuse("the extents of a layer's head do not add up to its blob");
  let contentBytes = headBytes;
  let lowest = 0;
  for (const { kind, windowIndex = -1, contentBytes: windowBytes } of windows) {
    if (kind !== 'window') throw refuse('a cut layer has a blob that is no window');
    if (windowIndex < lowest || windowIndex >= MAX_WINDOWS)
      throw refuse('the windows of a layer are not in the order of its disk');
    if (windowBytes === 0 || windowBytes > WINDOW_BYTES)
      throw refuse(`a window of ${windowBytes} bytes cannot be`);
    lowest = windowIndex + 1;
    contentBytes += windowBytes;
  }
  if (contentBytes > facts.sizeBytes) throw refuse('the blobs of a layer hold more than the layer');
  if (cutLayerDigest([head, ...windows].map((blob) => blob.contentDigest)) !== facts.digest)
    throw refuse('the digest of a cut layer does not follow from those of its blobs');
}

/** How many bytes the head holds. */
function checkExtents({ headExtents, sizeBytes }: LayerFacts, refuse: Refuse): number {
  if (headExtents === undefined) throw refuse('a cut layer does not say where its head belongs');
  let end = 0;
  let total = 0;
  for (const { fileOffset, length } of headExtents) {
    if (fileOffset < end || length === 0 || fileOffset + length > sizeBytes)
      throw refuse("the extents of a layer's head overlap, are empty, or leave the file");
    end = fileOffset + length;
    total += length;
  }
  return total;
}

/** Enough for a disk of 64 TiB with a bitmap block after every chunk. */
const MAX_EXTENTS = 65_536;

/** Extents as the config has them: `[[offset, length], ...]`. */
export function readExtents(fields: Fields, key: string): FileExtent[] {
  return fields.list(key, MAX_EXTENTS).map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isCount))
      throw fields.error(key, 'a list of offsets with lengths');
    const [fileOffset = 0, length = 0] = pair;
    return { fileOffset, length };
  });
}

/** Annotations are texts: a size is its decimal digits. */
function decimal(fields: Fields, key: string): number {
  const text = fields.text(key);
  const value = Number(text);
  if (!/^(0|[1-9]\d*)$/.test(text) || !Number.isSafeInteger(value)) throw fields.error(key, 'a size');
  return value;
}
