/**
 * Where images are, in the words that skopeo uses (containers-transports(5)): `docker://NAME` or a plain NAME for a
 * registry, `oci:FOLDER[:TAG]` for an OCI layout, `oci-archive:FILE[:TAG]` for a tar of one, `docker-archive:FILE[:NAME]`
 * for what `docker save` writes. Instead of a tag, `@sha256:...` names an image by its digest.
 */
import { HyperfileError } from '../base/error.ts';
import { isDigest } from './digest.ts';
import { DEFAULT_TAG, formatReference, parseReference, wantedManifest, type Reference } from './reference.ts';

export type Location = RegistryLocation | FileLocation;

export interface RegistryLocation {
  readonly kind: 'registry';
  readonly reference: Reference;
}

export interface FileLocation {
  readonly kind: 'oci' | 'oci-archive' | 'docker-archive';
  readonly path: string;
  /** A tag, a digest, or the name of an image in a docker archive; absent: the only image that is there. */
  readonly tag?: string;
}

const FILE_KINDS = ['oci', 'oci-archive', 'docker-archive'] as const;
/** Other words of skopeo's. As image names they make no sense with what follows. */
const UNKNOWN_KIND = /^(dir|docker-daemon|containers-storage|ostree|sif|tarball|[a-z0-9+.-]+(?=:\/\/)):/;
/** The part before a tag: as far as the first colon that is not that of a Windows drive. */
const PATH_AND_TAG = /^((?:[A-Za-z]:[\\/])?[^:@]*(?:@(?!sha256:)[^:@]*)*)(?::(.+)|@(sha256:.+))?$/;

/**
 * Reads a place that somebody wrote.
 *
 * @throws HyperfileError OCI_LOCATION_INVALID, STORE_NAME_INVALID
 */
export function parseLocation(text: string): Location {
  const kind = FILE_KINDS.find((word) => text.startsWith(`${word}:`));
  if (kind !== undefined) return parseFileLocation(kind, text);
  if (text.startsWith('docker://'))
    return { kind: 'registry', reference: parseReference(text.slice('docker://'.length)) };
  const unknown = UNKNOWN_KIND.exec(text)?.[1];
  if (unknown !== undefined && !isName(text)) throw invalid(text, `"${unknown}" is not a kind of place`);
  return { kind: 'registry', reference: parseReference(text) };
}

/** The location as people write it. */
export function formatLocation(location: Location): string {
  if (location.kind === 'registry') return formatReference(location.reference);
  const { kind, path, tag } = location;
  if (tag === undefined) return `${kind}:${path}`;
  return `${kind}:${path}${isDigest(tag) ? '@' : ':'}${tag}`;
}

/** What to ask the location's repository for: a digest, else a tag. Places with a single image give it for `latest`. */
export function referenceOf(location: Location): string {
  return location.kind === 'registry' ? wantedManifest(location.reference) : (location.tag ?? DEFAULT_TAG);
}

function parseFileLocation(kind: FileLocation['kind'], text: string): FileLocation {
  const match = PATH_AND_TAG.exec(text.slice(kind.length + 1));
  const [, path = '', tag, digest] = match ?? [];
  if (match === null || path === '') throw invalid(text, 'it names no file or folder, or has an empty tag');
  if (path.includes('\0')) throw invalid(text, 'its path holds a zero byte');
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, 'what follows @ is not a digest');
  const wanted = digest ?? tag;
  return { kind, path, ...(wanted !== undefined && { tag: wanted }) };
}

function isName(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

function invalid(location: string, reason: string): HyperfileError {
  return new HyperfileError('OCI_LOCATION_INVALID', { data: { location, reason } });
}
