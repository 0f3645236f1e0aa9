/**
 * Blobs on their way into the store. A part that arrived stays when its process is killed, and the next one goes on
 * behind it; so what lies here is never believed before the whole of it has the digest it is named by.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { lockHolder, tryLock, type Lock } from '../base/lock.ts';
import { ownerIsGone, ownerTag } from '../base/owner.ts';
import { removeFile } from '../base/patience.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { incomingFile, type Layout } from './layout.ts';
import { accessError, listIfThere, removeIfThere } from './read.ts';

/** A blob's file, this process's alone until it is let go; letting go again is harmless. */
export interface IncomingFile {
  readonly path: string;
  /** Lets go of the file and keeps it for whoever goes on; a file of our own that nobody would find is removed. */
  release(): void;
  /** The file has served, or is worth nothing. */
  remove(): void;
}

const LOCK_SUFFIX = '.lock';
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Takes a blob's file. While somebody else fetches the same blob it is a private one: neither spoils the other's.
 *
 * @throws HyperfileError DISK_FULL, STORE_ACCESS
 */
export function claimIncoming(layout: Layout, digest: Digest): IncomingFile {
  const file = incomingFile(layout, digestHex(digest));
  const lock = lockFor(layout, file);
  if (lock === undefined) {
    const own = `${file}.${ownerTag()}.${randomBytes(4).toString('hex')}`;
    const remove = (): void => void removeIfThere(own);
    return { path: own, release: remove, remove };
  }
  // Once let go it may be somebody else's.
  let held = true;
  const end = (last: () => void): void => {
    if (held) last();
    held = false;
    lock.release();
  };
  return {
    path: file,
    release: () => end(() => undefined),
    remove: () => end(() => void removeIfThere(file)),
  };
}

function lockFor(layout: Layout, file: string): Lock | undefined {
  try {
    mkdirSync(layout.incoming, { recursive: true });
    const lock = tryLock(file + LOCK_SUFFIX);
    return 'release' in lock ? lock : undefined;
  } catch (error) {
    throw accessError(layout.incoming, error);
  }
}

/** The parts that nobody fetches and that were not touched for a day; with `all`, every one that nobody fetches. */
export function staleIncoming(layout: Layout, all: boolean): string[] {
  return listIfThere(layout.incoming)
    .map((name) => path.join(layout.incoming, name))
    .filter((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat?.isFile() === true && !file.endsWith(LOCK_SUFFIX) && isStale(file, stat, all);
    });
}

function isStale(file: string, { mtimeMs }: Stats, all: boolean): boolean {
  const [hex = '', owner] = path.basename(file).split('.');
  if (owner !== undefined) return ownerIsGone(owner, mtimeMs);
  const lock = path.join(path.dirname(file), hex + LOCK_SUFFIX);
  return lockHolder(lock) === undefined && (all || Date.now() - mtimeMs >= DAY_MS);
}

/** Removes stale parts, each under its lock, so that nobody who has just begun with one loses it. */
export function removeIncoming(files: readonly string[]): void {
  for (const file of files) {
    const lock = tryLock(file + LOCK_SUFFIX);
    if (!('release' in lock)) continue;
    removeFile(file);
    lock.release();
  }
}

/** Locks and private files of processes that were killed. */
export function dropDeadIncoming(layout: Layout): void {
  for (const name of listIfThere(layout.incoming)) {
    const file = path.join(layout.incoming, name);
    if (name.endsWith(LOCK_SUFFIX)) {
      if (lockHolder(file) === undefined) dropLock(file);
      continue;
    }
    const owner = name.split('.')[1];
    const stat = statSync(file, { throwIfNoEntry: false });
    if (owner !== undefined && stat !== undefined && ownerIsGone(owner, stat.mtimeMs)) removeIfThere(file);
  }
}

/** Taking a dead holder's lock is what removes it. */
function dropLock(file: string): void {
  const lock = tryLock(file);
  if ('release' in lock) lock.release();
}
