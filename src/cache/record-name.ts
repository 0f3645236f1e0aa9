/**
 * What a cache record is called where it lies: in a registry a tag, `<tag of the cache>-<key>`, so that several caches
 * share a repository and no writer ever touches another's record.
 */
import { sha256Hex } from '../oci/digest.ts';

/** 64 hex digits, as step keys are. */
const HEX_KEY = /^[0-9a-f]{64}$/;
const DEFAULT_PREFIX = 'cache';
/** With `-` and 64 digits this is 128, the longest a tag can be (distribution-spec, "Pulling manifests"). */
const MAX_PREFIX = 63;
const DIGEST_DIGITS = 16;

/** The name of a key's record below a prefix: at most 128 characters of a tag. */
export function recordTag(prefix: string | undefined, key: string): string {
  return `${shortPrefix(prefix)}-${keyDigits(key)}`;
}

/** The 64 digits that a record tag of this prefix ends in; undefined for any other tag. */
export function digitsOfTag(prefix: string | undefined, tag: string): string | undefined {
  const start = `${shortPrefix(prefix)}-`;
  const digits = tag.slice(start.length);
  return tag.startsWith(start) && HEX_KEY.test(digits) ? digits : undefined;
}

/** A step's key is its own name; any other key (a memo's) is named by its digest. */
export function keyDigits(key: string): string {
  return isStepKey(key) ? key : sha256Hex(key);
}

export function isStepKey(key: string): boolean {
  return HEX_KEY.test(key);
}

function shortPrefix(prefix = DEFAULT_PREFIX): string {
  if (prefix.length <= MAX_PREFIX) return prefix;
  return `${prefix.slice(0, MAX_PREFIX - 1 - DIGEST_DIGITS)}-${sha256Hex(prefix).slice(0, DIGEST_DIGITS)}`;
}
