/** Image descriptions, each in a file named by the digest of its canonical text: whoever reads one can check it. */
import { existsSync } from 'node:fs';
import { replaceFileDurably, syncFolder } from '../base/atomic-file.ts';
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError } from '../base/error.ts';
import { digestFromHex, digestHex, digestOf, isDigest, sha256Hex, type Digest } from '../oci/digest.ts';
import type { ImageConfig } from '../oci/image.ts';
import { parseReference } from '../oci/reference.ts';
import { imageFile, type Layout } from './layout.ts';
import { readName } from './names.ts';
import { accessError, listIfThere, readIfThere } from './read.ts';

export interface StoredImage {
  /** `sha256:<64 hex>` */
  readonly id: Digest;
  readonly config: ImageConfig;
}

const SHORTEST_PREFIX = 4;
const ID_DIGITS = 64;
const ID_OR_PREFIX = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/** @throws HyperfileError DISK_FULL, STORE_ACCESS */
export async function writeImage(layout: Layout, config: ImageConfig): Promise<Digest> {
  const text = canonicalJson(config);
  const id = digestOf(text);
  const file = imageFile(layout, digestHex(id));
  if (readIfThere(file) === text) return id;
  try {
    // Whatever an image names is durable before the image is.
    await syncFolder(layout.layers);
    await replaceFileDurably(file, text);
    await syncFolder(layout.images);
  } catch (error) {
    throw accessError(file, error);
  }
  return id;
}

/** @throws HyperfileError STORE_IMAGE_DAMAGED */
export function readImage(layout: Layout, id: Digest): StoredImage | undefined {
  const text = readIfThere(imageFile(layout, digestHex(id)));
  if (text === undefined) return undefined;
  if (sha256Hex(text) !== digestHex(id)) {
    throw new HyperfileError('STORE_IMAGE_DAMAGED', {
      data: { image: id, reason: 'its description does not have the digest it is kept under' },
    });
  }
  return { id, config: JSON.parse(text) as ImageConfig };
}

export function hasImage(layout: Layout, id: Digest): boolean {
  return existsSync(imageFile(layout, digestHex(id)));
}

/** The ids of all images. */
export function listImageIds(layout: Layout): Digest[] {
  return listIfThere(layout.images)
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .map((name) => digestFromHex(name.slice(0, 64)));
}

/**
 * The id meant by a whole id, a name, the first digits of an id, or a name with a digest, in this order.
 *
 * @throws HyperfileError STORE_NAME_INVALID, STORE_ID_AMBIGUOUS
 */
export function resolveImageId(layout: Layout, nameOrId: string): { id: Digest; name?: string } | undefined {
  const digits = ID_OR_PREFIX.exec(nameOrId)?.[1];
  if (digits?.length === ID_DIGITS) return ifThere(layout, digestFromHex(digits));
  if (digits !== undefined && isIdWritten(nameOrId)) return resolvePrefix(layout, digits);
  const named = readName(layout, nameOrId);
  if (named !== undefined) return named;
  if (digits !== undefined) return resolvePrefix(layout, digits);
  const { digest } = parseReference(nameOrId);
  return digest !== undefined && isDigest(digest) ? ifThere(layout, digest) : undefined;
}

function isIdWritten(text: string): boolean {
  return text.startsWith('sha256:');
}

function resolvePrefix(layout: Layout, digits: string): { id: Digest } | undefined {
  if (digits.length < SHORTEST_PREFIX) return undefined;
  const ids = listImageIds(layout).filter((id) => digestHex(id).startsWith(digits));
  if (ids.length > 1) throw new HyperfileError('STORE_ID_AMBIGUOUS', { data: { name: digits, ids } });
  return ids[0] === undefined ? undefined : { id: ids[0] };
}

function ifThere(layout: Layout, id: Digest): { id: Digest } | undefined {
  return hasImage(layout, id) ? { id } : undefined;
}
