/**
 * Where the parts of one repository are found (OCI distribution-spec 1.1, "Endpoints"). What goes into a URL is checked
 * first, so that no name, tag or digest can lead anywhere else.
 */
import { HyperfileError } from '../base/error.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { parseReference } from '../oci/reference.ts';
import type { RegistryClient, RegistryResponse } from './client.ts';
import type { Patience } from './patience.ts';

/** One repository of one registry: what every request to it needs. */
export interface Endpoint {
  readonly client: RegistryClient;
  /** Without the host. */
  readonly path: string;
  /** `host/path` */
  readonly name: string;
  readonly patience: Patience;
}

const TAG = /^\w[\w.-]{0,127}$/;

/**
 * The path, when it follows the grammar of repository names.
 *
 * @throws HyperfileError STORE_NAME_INVALID
 */
export function checkedPath(path: string): string {
  const { tag, digest } = parseReference(`localhost/${path}`);
  if (tag === undefined && digest === undefined) return path;
  throw new HyperfileError('STORE_NAME_INVALID', {
    data: { name: path, reason: 'a repository has no tag and no digest' },
  });
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** @throws HyperfileError OCI_DIGEST_UNSUPPORTED */
export function blobUrl(at: Endpoint, digest: Digest): string {
  return `/v2/${at.path}/blobs/${checkedDigest(at, digest)}`;
}

/** @throws HyperfileError OCI_DIGEST_UNSUPPORTED */
export function uploadUrl(at: Endpoint, mount?: { readonly digest: Digest; readonly from: string }): string {
  const start = `/v2/${at.path}/blobs/uploads/`;
  if (!mount) return start;
  return `${start}?mount=${encodeURIComponent(checkedDigest(at, mount.digest))}&from=${encodeURIComponent(mount.from)}`;
}

/**
 * @param reference - a tag or a digest
 * @throws HyperfileError REGISTRY_TAG_INVALID, OCI_DIGEST_UNSUPPORTED
 */
export function manifestUrl(at: Endpoint, reference: string): string {
  const isKnown = reference.includes(':') ? checkedDigest(at, reference) : isTag(reference);
  if (!isKnown) throw new HyperfileError('REGISTRY_TAG_INVALID', { data: { name: at.name, tag: reference } });
  return `/v2/${at.path}/manifests/${reference}`;
}

export function tagsUrl(at: Endpoint, pageSize: number): string {
  return `/v2/${at.path}/tags/list?n=${pageSize}`;
}

/**
 * Where a Location header leads. One that names the registry itself keeps our scheme: behind a proxy that ends TLS,
 * registries believe themselves to be plain HTTP.
 *
 * @throws HyperfileError REGISTRY_ANSWER_INVALID
 */
export function locationOf(at: Endpoint, response: RegistryResponse): string {
  const { location } = response.headers;
  const base = new URL(response.url);
  if (location === undefined || !URL.canParse(location, base.href))
    throw invalidAnswer(at, 'it started an upload and did not say where');
  const target = new URL(location, base);
  return target.host === base.host ? `${base.origin}${target.pathname}${target.search}` : target.href;
}

/** The error for an answer that does not keep to the protocol. */
export function invalidAnswer(at: Endpoint, reason: string, cause?: unknown): HyperfileError {
  return new HyperfileError('REGISTRY_ANSWER_INVALID', {
    data: { registry: at.client.host, name: at.name, reason },
    ...(cause !== undefined && { cause }),
  });
}

function checkedDigest(at: Endpoint, digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw new HyperfileError('OCI_DIGEST_UNSUPPORTED', { data: { name: at.name, digest } });
}
