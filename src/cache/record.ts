/** One cache record where it lies: an artifact of its own, found by its key alone. */
import { bytesSource } from '../oci/bytes-source.ts';
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError } from '../base/error.ts';
import { sha256Hex } from '../oci/digest.ts';
import {
  decodeCacheRecord,
  encodeCacheRecord,
  MAX_CONFIG_BYTES,
  type CacheRecordContent,
} from '../oci/image-artifact.ts';
import { isIndex, parseManifest } from '../oci/manifest.ts';
import { CACHE_TYPE } from '../oci/media-types.ts';
import type { RepositoryOptions } from '../oci/repository.ts';
import { readSmallBlob } from '../oci/verified-blob.ts';
import type { CachePlace } from './place.ts';
import { isStepKey } from './record-name.ts';
import type { RemoteHit } from './remote-cache.ts';

/**
 * The record of a key, checked: nothing that it names has moved yet.
 *
 * @throws HyperfileError CACHE_RECORD, OCI_* for a record that is no use; whatever the place throws when it fails
 */
export async function readRecord(
  place: CachePlace,
  key: string,
  options: RepositoryOptions,
): Promise<RemoteHit | undefined> {
  const hit = await readRecordAt(place, place.tagOf(key), options);
  if (hit !== undefined && hit.key !== key) throw refused(key, `it is the record of ${hit.key}`);
  return hit;
}

/** The record that a tag names. @throws as {@link readRecord} */
export async function readRecordAt(
  { repository, origin }: CachePlace,
  tag: string,
  options: RepositoryOptions,
): Promise<RemoteHit | undefined> {
  const fetched = await repository.manifest(tag, options);
  if (fetched === undefined) return undefined;
  const name = `${repository.name}:${tag}`;
  const manifest = parseManifest(fetched.bytes, name);
  if (isIndex(manifest) || manifest.artifactType !== CACHE_TYPE) throw refused(name, 'it is no cache record');
  const config = await readSmallBlob(repository, manifest.config, MAX_CONFIG_BYTES, options);
  const content = decodeCacheRecord(manifest, config, name);
  checkRecord(content);
  const { key, inputs, created, layers, value } = content;
  return { key, inputs, created, layers, ...(value !== undefined && { value }), from: repository, origin };
}

/**
 * A step's key must be the digest of its inputs, the scheme of keys among them, so no record is found under another
 * step's key.
 *
 * @throws HyperfileError CACHE_RECORD
 */
function checkRecord({ key, inputs, layers, value }: CacheRecordContent): void {
  if (value !== undefined) {
    if (layers.length > 0) throw refused(key, 'it has both layers and a value');
    return;
  }
  if (layers.length === 0) throw refused(key, 'it names no layers');
  if (!isStepKey(key)) throw refused(key, 'its key is not 64 hex digits');
  if (inputs === undefined || sha256Hex(canonicalJson(inputs)) !== key)
    throw refused(key, 'its key is not the digest of its inputs');
}

/** Writes a record and its small config; its layers must be there. Written twice, it is the same record. */
export async function writeRecord(
  place: CachePlace,
  content: CacheRecordContent,
  options: RepositoryOptions,
): Promise<void> {
  const { repository } = place;
  const { manifest, config } = encodeCacheRecord(content);
  if (!(await repository.hasBlob(config.descriptor, options))) {
    await repository.pushBlob(config.descriptor, bytesSource(config.bytes), options);
  }
  await repository.putManifest(manifest, place.tagOf(content.key), options);
}

function refused(record: string, reason: string): HyperfileError {
  return new HyperfileError('CACHE_RECORD', { data: { record, reason } });
}
