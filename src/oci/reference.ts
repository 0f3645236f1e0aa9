/**
 * Image names by the grammar Docker uses (distribution's `reference` package):
 * `[host[:port]/]path[:tag][@digest]`. The first component is a host when it holds a dot or a colon, has upper-case
 * letters, or is `localhost`; no host is ever filled in.
 */
import { HyperfileError } from '../base/error.ts';

export interface Reference {
  /** With its port. */
  readonly host?: string;
  readonly path: string;
  readonly tag?: string;
  /** `<algorithm>:<hex>` */
  readonly digest?: string;
}

export const DEFAULT_TAG = 'latest';

const MAX_NAME_CHARACTERS = 255;
const MAX_CHARACTERS = 512;

const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
/** Of the one algorithm we know, what {@link isDigest} takes; others are left to whoever keeps them. */
const WRONG_SHA256 = /^sha256:(?![0-9a-f]{64}$)/;
const IMAGE_ID = /^[0-9a-f]{64}$/;

/**
 * Takes an image name apart, adding nothing.
 *
 * @throws HyperfileError STORE_NAME_INVALID
 */
export function parseReference(text: string): Reference {
  if (text.length > MAX_CHARACTERS) throw invalid(`${text.slice(0, 40)}...`, 'it is too long');
  const [beforeDigest, digest] = cut(text, text.indexOf('@'));
  if (digest !== undefined && (!DIGEST.test(digest) || WRONG_SHA256.test(digest)))
    throw invalid(text, 'what follows @ is not a digest');
  const slash = beforeDigest.indexOf('/');
  const host =
    slash > 0 && looksLikeHost(beforeDigest.slice(0, slash)) ? beforeDigest.slice(0, slash) : undefined;
  if (host !== undefined && !HOST.test(host)) throw invalid(text, `"${host}" is not a host name`);
  const rest = host === undefined ? beforeDigest : beforeDigest.slice(slash + 1);
  const [path, tag] = cut(rest, rest.indexOf(':'));
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `"${tag}" is not a tag`);
  checkPath(text, path, host);
  return {
    ...(host !== undefined && { host }),
    path,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** The name as people write it; {@link parseReference} of it gives the reference back. */
export function formatReference({ host, path, tag, digest }: Reference): string {
  return `${host === undefined ? '' : `${host}/`}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** A name as the store knows it: with the tag `latest` unless it says another tag or a digest. */
export function normalizeName(text: string): string {
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) return formatReference(reference);
  return formatReference({ ...reference, tag: DEFAULT_TAG });
}

/** What to ask a repository for: the digest when there is one (whatever the tag says), else the tag, else `latest`. */
export function wantedManifest({ tag, digest }: Reference): string {
  return digest ?? tag ?? DEFAULT_TAG;
}

/** The name without tag and digest. */
export function repositoryName({ host, path }: Reference): string {
  return formatReference({ path, ...(host !== undefined && { host }) });
}

/** The same image named by its digest alone: `NAME@sha256:...`. */
export function pinned({ host, path }: Reference, digest: string): Reference {
  return { path, digest, ...(host !== undefined && { host }) };
}

function looksLikeHost(component: string): boolean {
  return component === 'localhost' || /[.:]/.test(component) || component !== component.toLowerCase();
}

function checkPath(text: string, path: string, host: string | undefined): void {
  if (path === '') throw invalid(text, 'it has no name');
  if (path !== path.toLowerCase()) throw invalid(text, 'it has upper-case letters', path.toLowerCase());
  if (!PATH.test(path)) throw invalid(text, `"${path}" is not made of [a-z0-9] with . _ - and / between`);
  if (path.length + (host === undefined ? 0 : host.length + 1) > MAX_NAME_CHARACTERS)
    throw invalid(text, 'it is too long');
  if (host === undefined && IMAGE_ID.test(path)) throw invalid(text, '64 hex digits are an image id');
}

/** Text before and after the separator at `index`; no second part when `index` is -1. */
function cut(text: string, index: number): [string, string | undefined] {
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function invalid(name: string, reason: string, better?: string): HyperfileError {
  return new HyperfileError('STORE_NAME_INVALID', {
    data: { name, reason },
    ...(better !== undefined && { hint: `Write it in lower case: ${better}` }),
  });
}
