/** Where everything in a store lies. */
import path from 'node:path';
import { UNFINISHED_PREFIX } from '../base/atomic-file.ts';
import { sha256Hex } from '../oci/digest.ts';

/** The folders of a store, and files at fixed places in it. All paths are absolute. */
export interface Layout {
  readonly root: string;
  readonly version: string;
  readonly layers: string;
  readonly images: string;
  readonly names: string;
  readonly cache: string;
  readonly memo: string;
  /** Blobs on their way into the store, in part or whole, each named by its digest. */
  readonly incoming: string;
  /** What builds and other sessions keep while they run. */
  readonly run: string;
  readonly leases: string;
  readonly locks: string;
  readonly pruneLock: string;
  readonly namesLock: string;
  /** Held for the moment in which a layer from elsewhere becomes one of the store's. */
  readonly adoptLock: string;
}

export function layoutOf(root: string): Layout {
  const at = (name: string): string => path.join(root, name);
  return {
    root,
    version: at('version'),
    layers: at('layers'),
    images: at('images'),
    names: at('names'),
    cache: at('cache'),
    memo: at('memo'),
    incoming: at('incoming'),
    run: at('run'),
    leases: at('leases'),
    locks: at('locks'),
    pruneLock: path.join(root, 'locks', 'prune'),
    namesLock: path.join(root, 'locks', 'names'),
    adoptLock: path.join(root, 'locks', 'adopt'),
  };
}

export const STORE_FOLDERS = [
  'layers',
  'images',
  'names',
  'cache',
  'memo',
  'incoming',
  'run',
  'leases',
  'locks',
] as const;

/** 32 lower-case hex digits. */
export const LAYER_ID = /^[0-9a-f]{32}$/;

export function layerFile(layout: Layout, id: string): string {
  return path.join(layout.layers, `${id}.vhdx`);
}

export function layerRecordFile(layout: Layout, id: string): string {
  return path.join(layout.layers, `${id}.json`);
}

/** What the layer is outside the store, if it was ever anywhere else. */
export function layerFormFile(layout: Layout, id: string): string {
  return path.join(layout.layers, `${id}.form`);
}

/** `hex`: the blob's digest without `sha256:`. */
export function incomingFile(layout: Layout, hex: string): string {
  return path.join(layout.incoming, hex);
}

/** `hex`: the image's id without `sha256:`. */
export function imageFile(layout: Layout, hex: string): string {
  return path.join(layout.images, `${hex}.json`);
}

export function nameFile(layout: Layout, name: string): string {
  return path.join(layout.names, escapeFileName(name));
}

/** Cache keys are hex digests already. */
export function cacheFile(layout: Layout, key: string): string {
  const name = escapeFileName(key);
  return path.join(layout.cache, name.slice(0, 2), `${name}.json`);
}

/** What is remembered of the files that builds read; a memo like the others, in a form of its own. */
export function fileDigestsFile(layout: Layout): string {
  return path.join(layout.memo, 'files', 'digests');
}

export function memoFile(layout: Layout, key: string): string {
  const hex = sha256Hex(key);
  return path.join(layout.memo, hex.slice(0, 2), hex);
}

const LONGEST_ESCAPED = 180;
const RESERVED_ON_WINDOWS = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/**
 * A file name for any text, on any file system: different texts get names that differ even where upper and lower case
 * are the same, and none is reserved on Windows. Long texts end in a digest, so the text must also be in the file.
 */
export function escapeFileName(text: string): string {
  const escaped = Buffer.from(text).reduce((name, byte) => name + escapeByte(byte), '');
  if (escaped.length > LONGEST_ESCAPED) return `${escaped.slice(0, 100)}~${sha256Hex(text)}`;
  if (RESERVED_ON_WINDOWS.test(escaped)) return `%${escaped.charCodeAt(0).toString(16)}${escaped.slice(1)}`;
  return escaped;
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
}

/** True for files that are still being written, or were when their writer died. */
export function isUnfinished(fileName: string): boolean {
  return fileName.startsWith(UNFINISHED_PREFIX);
}
