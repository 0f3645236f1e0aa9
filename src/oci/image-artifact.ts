/**
 * Images and cache records as OCI artifacts: a manifest whose config says which chain of layers this is, and whose
 * `layers` are all the layers' blobs, base first. Everything is written in canonical JSON and nothing in it depends on
 * the time or the place, so the same image has the same digest everywhere (docs/registry.md).
 */
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from './descriptor.ts';
import { digestOf } from './digest.ts';
import { Fields, type Refuse } from './fields.ts';
import { parseImageConfig } from './image-schema.ts';
import type { ImageConfig } from './image.ts';
import type { ShippedLayer } from './layer-form.ts';
import { encodeManifest, type EncodedManifest, type ImageManifest } from './manifest.ts';
import { CACHE_CONFIG, CACHE_TYPE, IMAGE_CONFIG, IMAGE_TYPE, OCI_MANIFEST } from './media-types.ts';
import { chainDescriptors, decodeChain, encodeChain } from './shipped-chain.ts';

/** What a config may hold: it is read into memory whole. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** Of a cache record's inputs: deeper than anything that is written, and nowhere near what recursion can bear. */
const MAX_INPUTS_DEPTH = 64;

export interface EncodedArtifact {
  readonly manifest: EncodedManifest;
  readonly config: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
}

/** A cache record's content, wherever it lies. */
export interface CacheRecordContent {
  readonly key: string;
  readonly inputs: unknown;
  readonly created: string;
  /** A small value remembered under the key, instead of layers. */
  readonly value?: string;
  /** Leaf first. */
  readonly layers: readonly ShippedLayer[];
}

/**
 * @param layers leaf first: the image's own
 * @throws HyperfileError OCI_MANIFEST_TOO_LARGE
 */
export function encodeImage(config: ImageConfig, layers: readonly ShippedLayer[]): EncodedArtifact {
  if (layers.length !== config.layers.length || layers.some(({ id }, index) => id !== config.layers[index]))
    throw new TypeError('these are not the layers of the image');
  return encode(IMAGE_TYPE, IMAGE_CONFIG, { ...config, layers: encodeChain(layers) }, layers);
}

/**
 * An image from its manifest and config, whose digests were checked; `name` is what errors call it. Stored, the config
 * has the same id as where it was pushed.
 *
 * @throws HyperfileError OCI_IMAGE_INVALID
 */
export function decodeImage(
  manifest: ImageManifest,
  configBytes: Uint8Array,
  name: string,
): { config: ImageConfig; layers: ShippedLayer[] } {
  const refuse: Refuse = (reason) => new HyperfileError('OCI_IMAGE_INVALID', { data: { name, reason } });
  const value = decode(manifest, IMAGE_TYPE, IMAGE_CONFIG, configBytes, refuse);
  const layers = chainOf(value, manifest, refuse);
  const config = parseImageConfig({ ...value, layers: layers.map(({ id }) => id) }, name);
  return { config, layers };
}

/** @throws HyperfileError OCI_MANIFEST_TOO_LARGE */
export function encodeCacheRecord(record: CacheRecordContent): EncodedArtifact {
  const { key, inputs, created, value, layers } = record;
  const config = { schema: 1, key, inputs, created, value, layers: encodeChain(layers) };
  return encode(CACHE_TYPE, CACHE_CONFIG, config, layers);
}

/** @throws HyperfileError OCI_RECORD_INVALID */
export function decodeCacheRecord(
  manifest: ImageManifest,
  configBytes: Uint8Array,
  name: string,
): CacheRecordContent {
  const refuse: Refuse = (reason) => new HyperfileError('OCI_RECORD_INVALID', { data: { name, reason } });
  const json = decode(manifest, CACHE_TYPE, CACHE_CONFIG, configBytes, refuse);
  const fields = new Fields(json, '', refuse);
  if (fields.get('schema') !== 1) throw fields.error('schema', '1');
  const inputs = fields.get('inputs');
  if (isDeeper(inputs, MAX_INPUTS_DEPTH)) throw refuse('its inputs are nested too deeply');
  const value = fields.optionalText('value');
  return {
    key: fields.text('key'),
    inputs,
    created: fields.text('created'),
    ...(value !== undefined && { value }),
    layers: chainOf(json, manifest, refuse),
  };
}

function encode(
  artifactType: string,
  configType: string,
  value: object,
  layers: readonly ShippedLayer[],
): EncodedArtifact {
  const bytes = Buffer.from(canonicalJson(value));
  const descriptor: Descriptor = { mediaType: configType, digest: digestOf(bytes), size: bytes.length };
  const blobs = chainDescriptors(layers);
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType,
    config: descriptor,
    // The schema asks for one layer at least, and the config is there anyhow.
    layers: blobs.length === 0 ? [descriptor] : blobs,
  });
  return { manifest, config: { descriptor, bytes } };
}

function decode(
  manifest: ImageManifest,
  artifactType: string,
  configType: string,
  configBytes: Uint8Array,
  refuse: Refuse,
): Readonly<Record<string, unknown>> {
  if (manifest.artifactType !== artifactType) throw refuse(`its artifact type is not ${artifactType}`);
  if (manifest.config.mediaType !== configType) throw refuse(`its config is not of type ${configType}`);
  if (configBytes.length > MAX_CONFIG_BYTES)
    throw refuse(`its config is longer than ${MAX_CONFIG_BYTES} bytes`);
  return Fields.parse(configBytes, refuse).all();
}

function chainOf(
  config: Readonly<Record<string, unknown>>,
  { config: { digest }, layers }: ImageManifest,
  refuse: Refuse,
): ShippedLayer[] {
  const isEmpty = layers.length === 1 && layers[0]?.digest === digest;
  return decodeChain(new Fields(config, '', refuse), isEmpty ? [] : layers, refuse);
}

/** Without recursion, so that no depth is too deep to be told. */
function isDeeper(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? (Object.values(item) as unknown[]) : [],
    );
  }
  return false;
}
