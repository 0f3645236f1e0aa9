/**
 * Manifests and indexes as registries, layouts and archives hold them: OCI's (image-spec, manifest.md and
 * image-index.md) and Docker's of schema 2. Checked by hand, since every pull reads some; what is not known is left out.
 */
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError } from '../base/error.ts';
import type { Descriptor, DescriptorPlatform } from './descriptor.ts';
import { digestOf, isDigest } from './digest.ts';
import { Fields, type Refuse } from './fields.ts';
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';
import type { ManifestToPut } from './repository.ts';

/** What registries take. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** More descriptors with our annotations than a manifest of 4 MiB can hold. */
const MAX_DESCRIPTORS = 16_384;
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
/** Of an algorithm that is not known (image-spec, descriptor.md). */
const OTHER_DIGEST = /^(?!sha256:)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{1,256}$/;

export interface ImageManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof OCI_MANIFEST | typeof DOCKER_MANIFEST;
  /** What kind of thing this is, when it is no container image. */
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType: typeof OCI_INDEX | typeof DOCKER_INDEX;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest's text, and the descriptor it gives it. */
export interface EncodedManifest extends ManifestToPut {
  readonly descriptor: Descriptor;
}

export function isIndex(manifest: ImageManifest | ImageIndex): manifest is ImageIndex {
  return 'manifests' in manifest;
}

/**
 * Reads a manifest or an index; `name` says whose in errors. Without a `mediaType` of its own it is OCI's.
 *
 * @throws HyperfileError OCI_MANIFEST_TOO_LARGE, OCI_MANIFEST_INVALID, OCI_DIGEST_UNSUPPORTED
 */
export function parseManifest(bytes: Uint8Array, name: string): ImageManifest | ImageIndex {
  if (bytes.length > MAX_MANIFEST_BYTES) throw manifestTooLarge(name);
  const fields = Fields.parse(bytes, refusal(name));
  checkSchema(fields);
  return fields.has('manifests') ? readIndex(fields, name) : readManifest(fields, name);
}

/** @throws HyperfileError as {@link parseManifest}, and OCI_MANIFEST_INVALID for an index */
export function parseImageManifest(bytes: Uint8Array, name: string): ImageManifest {
  const manifest = parseManifest(bytes, name);
  if (isIndex(manifest)) throw refusal(name)('it is an index of images, not an image');
  return manifest;
}

export function manifestTooLarge(name: string): HyperfileError {
  return new HyperfileError('OCI_MANIFEST_TOO_LARGE', { data: { name, limitBytes: MAX_MANIFEST_BYTES } });
}

/** Layers that may not be distributed: they lie elsewhere, at addresses that the manifest gives. */
const FOREIGN_LAYER = /\.(foreign|nondistributable)\./;

/** What must lie beside a manifest: its config and layers, or the manifests of an index. */
export function namedBlobs(manifest: ImageManifest | ImageIndex): Descriptor[] {
  if (isIndex(manifest)) return [...manifest.manifests];
  const layers = manifest.layers.filter(({ mediaType }) => !FOREIGN_LAYER.test(mediaType));
  return [manifest.config, ...layers];
}

/**
 * Composes an index of images, for several architectures or guests: each descriptor says its platform.
 *
 * @throws HyperfileError OCI_MANIFEST_TOO_LARGE
 */
export function indexManifest(descriptors: readonly Descriptor[]): EncodedManifest {
  const manifests = descriptors.map(({ mediaType, digest, size, artifactType, annotations, platform }) => ({
    mediaType,
    digest,
    size,
    artifactType,
    annotations,
    platform,
  }));
  return encodeManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

/**
 * The canonical text of a manifest: the same everywhere, so that its digest is.
 *
 * @throws HyperfileError OCI_MANIFEST_TOO_LARGE
 */
export function encodeManifest(manifest: ImageManifest | ImageIndex): EncodedManifest {
  const bytes = Buffer.from(canonicalJson(manifest));
  const { mediaType, artifactType } = manifest;
  if (bytes.length > MAX_MANIFEST_BYTES) throw manifestTooLarge('this image');
  const digest = digestOf(bytes);
  const descriptor = { mediaType, digest, size: bytes.length, ...(artifactType && { artifactType }) };
  return { mediaType, bytes, descriptor };
}

/**
 * Reads a descriptor. `name` is whose it is.
 *
 * @throws HyperfileError OCI_MANIFEST_INVALID, OCI_DIGEST_UNSUPPORTED
 */
export function readDescriptor(fields: Fields, name: string): Descriptor {
  const digest = fields.text('digest');
  if (OTHER_DIGEST.test(digest))
    throw new HyperfileError('OCI_DIGEST_UNSUPPORTED', { data: { name, digest } });
  if (!isDigest(digest)) throw fields.error('digest', 'a digest');
  const artifactType = optionalMediaType(fields, 'artifactType');
  return {
    mediaType: mediaType(fields, 'mediaType'),
    digest,
    size: fields.count('size'),
    ...(artifactType !== undefined && { artifactType }),
    ...(fields.has('annotations') && { annotations: fields.texts('annotations') }),
    ...(fields.has('platform') && { platform: readPlatform(fields.object('platform')) }),
  };
}

function readManifest(fields: Fields, name: string): ImageManifest {
  const type = fields.optionalText('mediaType') ?? OCI_MANIFEST;
  if (type !== OCI_MANIFEST && type !== DOCKER_MANIFEST) throw unknownType(fields, type, name);
  const layers = fields.objects('layers', MAX_DESCRIPTORS).map((layer) => readDescriptor(layer, name));
  const config = readDescriptor(fields.object('config'), name);
  return { schemaVersion: 2, mediaType: type, ...commonFields(fields), config, layers };
}

/** What says it is both an index and an image would be one thing to us and the other to someone else. */
function readIndex(fields: Fields, name: string): ImageIndex {
  const type = fields.optionalText('mediaType') ?? OCI_INDEX;
  if (type !== OCI_INDEX && type !== DOCKER_INDEX) throw unknownType(fields, type, name);
  if (fields.has('config') || fields.has('layers') || fields.has('fsLayers'))
    throw refusal(name)('it is both an image and an index');
  const manifests = fields.objects('manifests', MAX_DESCRIPTORS).map((item) => readDescriptor(item, name));
  return { schemaVersion: 2, mediaType: type, ...commonFields(fields), manifests };
}

function commonFields(fields: Fields): Pick<ImageManifest, 'artifactType' | 'annotations'> {
  const artifactType = optionalMediaType(fields, 'artifactType');
  return {
    ...(artifactType !== undefined && { artifactType }),
    ...(fields.has('annotations') && { annotations: fields.texts('annotations') }),
  };
}

function readPlatform(fields: Fields): DescriptorPlatform {
  const variant = fields.optionalText('variant');
  const osVersion = fields.optionalText('os.version');
  return {
    os: fields.text('os'),
    architecture: fields.text('architecture'),
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { 'os.version': osVersion }),
  };
}

function checkSchema(fields: Fields): void {
  const version = fields.get('schemaVersion');
  if (version === 1) throw fields.error('schemaVersion', '2: the image has the oldest form of Docker');
  if (version !== 2) throw fields.error('schemaVersion', '2');
}

function unknownType(fields: Fields, type: string, name: string): HyperfileError {
  if (!MEDIA_TYPE.test(type)) return fields.error('mediaType', 'a media type');
  const kind = fields.has('manifests') ? 'an index' : 'an image';
  return refusal(name)(`${type} is not the media type of ${kind}`);
}

function mediaType(fields: Fields, key: string): string {
  const type = fields.text(key);
  if (!MEDIA_TYPE.test(type)) throw fields.error(key, 'a media type');
  return type;
}

/** Some programs write an empty one for none. */
function optionalMediaType(fields: Fields, key: string): string | undefined {
  return fields.get(key) === '' || !fields.has(key) ? undefined : mediaType(fields, key);
}

function refusal(name: string): Refuse {
  return (reason) => new HyperfileError('OCI_MANIFEST_INVALID', { data: { name, reason } });
}
