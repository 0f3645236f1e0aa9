/** Manifests of a repository: bounded, and never passed on before their digest was checked. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestOf, isDigest, type Digest } from '../oci/digest.ts';
import { MANIFEST_TYPES } from '../oci/media-types.ts';
import type { FetchedManifest, ManifestToPut, RepositoryOptions } from '../oci/repository.ts';
import type { RegistryResponse } from './client.ts';
import { manifestUrl, type Endpoint } from './endpoint.ts';
import { Attempts } from './patience.ts';
import { refusalReason } from './refusal.ts';

/** What every registry takes at least, and none needs more (distribution-spec, "Pushing Manifests"). */
const MAX_MANIFEST_BYTES = 4 << 20;

const ACCEPT = { accept: MANIFEST_TYPES.join(', ') };

/** Statuses with which registries refuse a manifest: missing blobs, a tag that may not move, too many layers. */
const REFUSALS: readonly number[] = [400, 404, 405, 409, 412, 413, 422];

/** By a HEAD request; registries that know no HEAD, or leave something out of the answer, are asked for the manifest itself. */
export async function resolve(
  at: Endpoint,
  reference: string,
  options: RepositoryOptions = {},
): Promise<Descriptor | undefined> {
  const response = await ask(at, 'HEAD', reference, options);
  await response.discard();
  if (response.status === 404) return undefined;
  const { 'docker-content-digest': digest = '', 'content-length': length = '' } = response.headers;
  const mediaType = contentType(response);
  if (response.status !== 200 || mediaType === undefined || !isDigest(digest) || !/^[1-9]\d*$/.test(length))
    return (await manifest(at, reference, options))?.descriptor;
  if (isDigest(reference)) checkDigest(at, reference, reference, digest);
  return { mediaType, digest, size: Number(length) };
}

/** An answer that breaks off is asked for again: it is short, and nothing of it is of use. */
export async function manifest(
  at: Endpoint,
  reference: string,
  options: RepositoryOptions = {},
): Promise<FetchedManifest | undefined> {
  const attempts = new Attempts(at.patience, options.signal);
  for (;;) {
    try {
      return await readManifest(at, reference, options);
    } catch (error) {
      // What never came to an answer was tried again by the client.
      if (!(error instanceof BrokenAnswer)) throw error;
      if (!(await attempts.again(0))) throw error.problem;
    }
  }
}

async function readManifest(
  at: Endpoint,
  reference: string,
  options: RepositoryOptions,
): Promise<FetchedManifest | undefined> {
  const response = await ask(at, 'GET', reference, options);
  if (response.status === 404) {
    await response.discard();
    return undefined;
  }
  const bytes = await boundedBytes(at, reference, response);
  const digest = digestOf(bytes);
  if (isDigest(reference)) checkDigest(at, reference, reference, digest);
  const announced = response.headers['docker-content-digest'];
  if (announced?.startsWith('sha256:')) checkDigest(at, reference, announced, digest);
  const mediaType = mediaTypeOf(fullName(at, reference), response, bytes);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

/**
 * Stores it under its digest, and under the tag in the same request.
 *
 * @throws HyperfileError REGISTRY_MANIFEST_REFUSED, OCI_DIGEST_MISMATCH
 */
export async function putManifest(
  at: Endpoint,
  { mediaType, bytes }: ManifestToPut,
  tag?: string,
  { signal }: RepositoryOptions = {},
): Promise<void> {
  const digest = digestOf(bytes);
  const response = await at.client.send({
    method: 'PUT',
    url: manifestUrl(at, tag ?? digest),
    scope: { repository: at.path, push: true },
    headers: { 'content-type': mediaType },
    body: bytes,
    accept: [200, 201, 202, 204, ...REFUSALS],
    ...(signal && { signal }),
  });
  if (REFUSALS.includes(response.status)) {
    const { reason } = await refusalReason(response);
    throw new HyperfileError('REGISTRY_MANIFEST_REFUSED', { data: { name: at.name, reason, digest } });
  }
  await response.discard();
  const stored = response.headers['docker-content-digest'];
  if (stored?.startsWith('sha256:')) checkDigest(at, tag ?? digest, digest, stored);
}

function ask(
  at: Endpoint,
  method: 'GET' | 'HEAD',
  reference: string,
  { signal }: RepositoryOptions,
): Promise<RegistryResponse> {
  return at.client.send({
    method,
    url: manifestUrl(at, reference),
    scope: { repository: at.path },
    headers: ACCEPT,
    accept: method === 'HEAD' ? [200, 404, 405] : [200, 404],
    ...(signal && { signal }),
  });
}

/** A connection that broke in the middle of an answer. */
class BrokenAnswer extends Error {
  readonly problem: HyperfileError;

  constructor(problem: HyperfileError) {
    super(problem.message);
    this.problem = problem;
  }
}

async function boundedBytes(
  at: Endpoint,
  reference: string,
  response: RegistryResponse,
): Promise<Uint8Array> {
  try {
    return await response.bytes(MAX_MANIFEST_BYTES);
  } catch (cause) {
    if (isHyperfileError(cause, 'REGISTRY_UNREACHABLE')) throw new BrokenAnswer(cause);
    if (!isHyperfileError(cause, 'REGISTRY_ANSWER_TOO_LARGE')) throw cause;
    const data = { name: fullName(at, reference), limitBytes: MAX_MANIFEST_BYTES };
    throw new HyperfileError('OCI_MANIFEST_TOO_LARGE', { data, cause });
  }
}

function checkDigest(at: Endpoint, reference: string, expected: Digest, found: Digest): void {
  if (expected === found) return;
  throw new HyperfileError('OCI_DIGEST_MISMATCH', {
    data: { name: fullName(at, reference), expected, found },
  });
}

function fullName(at: Endpoint, reference: string): string {
  return `${at.name}${isDigest(reference) ? '@' : ':'}${reference}`;
}

/** Without parameters; nothing for types that say nothing. */
function contentType({ headers }: RegistryResponse): string | undefined {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type === undefined || !type.startsWith('application/vnd.') ? undefined : type;
}

/**
 * What the server says; where it only says "JSON", what the manifest says of itself. The two must not differ, or the
 * same bytes would be one thing to us and another to the next reader.
 */
function mediaTypeOf(name: string, response: RegistryResponse, bytes: Uint8Array): string {
  const said = contentType(response);
  const own = ownMediaType(bytes);
  if (said !== undefined && own !== undefined && said !== own) {
    const reason = `it is sent as ${said} and says it is ${own}`;
    throw new HyperfileError('OCI_MANIFEST_INVALID', { data: { name, reason } });
  }
  return said ?? own ?? response.headers['content-type'] ?? 'application/octet-stream';
}

/** Whoever reads the manifest says what else is wrong with it. */
function ownMediaType(bytes: Uint8Array): string | undefined {
  try {
    const manifest: unknown = JSON.parse(Buffer.from(bytes).toString());
    const { mediaType } = manifest as { mediaType?: unknown };
    return typeof mediaType === 'string' ? mediaType : undefined;
  } catch {
    return undefined;
  }
}
