/** Content digests as OCI writes them: `sha256:` and 64 lower-case hex digits (image-spec, descriptor.md). */
import { hash } from 'node:crypto';
import { canonicalJson } from '../base/canonical-json.ts';

/** `sha256:<64 hex>` */
export type Digest = string;

const PREFIX = 'sha256:';
const HEX = /^[0-9a-f]{64}$/;

/** 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

export function digestOf(data: string | Uint8Array): Digest {
  return PREFIX + sha256Hex(data);
}

/** The digest of a value's canonical JSON. */
export function digestOfJson(value: unknown): Digest {
  return digestOf(canonicalJson(value));
}

export function isDigest(text: string): text is Digest {
  return text.startsWith(PREFIX) && HEX.test(text.slice(PREFIX.length));
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice(PREFIX.length);
}

/** `sha256:` before 64 hex digits. */
export function digestFromHex(hex: string): Digest {
  return PREFIX + hex;
}
