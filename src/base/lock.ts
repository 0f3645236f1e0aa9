/**
 * A lock between processes: whoever can create the lock's file holds it. On POSIX the file is a symbolic link whose
 * target names the holder: it comes into being whole and takes no free block, so a full disk can still be pruned.
 * On Windows, where links need rights, it is a plain file.
 *
 * A holder that died is replaced by whoever holds the lock on *replacing that holder*, a lock of the same kind named
 * after it; so two newcomers can never both remove the old file, one of them catching the other's new one.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFullAt } from './atomic-file.ts';
import { HyperfileError, systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';
import { ownerIsGone, ownerPid, ownerTag } from './owner.ts';
import { patiently } from './patience.ts';

export interface LockHolder {
  /** Unique to one holding of one lock. */
  readonly tag: string;
  readonly pid: number;
  /** The lock's file. */
  readonly path: string;
}

export interface LockOptions {
  /** Called once for each other holder that is being waited for. */
  readonly onWait?: (holder: LockHolder) => void;
  /** Default: wait forever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Lock {
  readonly path: string;
  /** Gives the lock up; harmless when repeated. */
  release(): void;
}

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;
/** A plain lock file is empty for an instant before its holder's name is in it. */
const UNNAMED_MS = 5_000;

/**
 * Waits for the lock and takes it. Not re-entrant.
 *
 * @throws HyperfileError LOCK_TIMEOUT, INTERRUPTED, DISK_FULL
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  return poll<Lock>(path, options, () => {
    const result = tryLock(path);
    return 'release' in result ? { value: result } : { holder: result };
  });
}

/** Runs `body` under the lock. */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  body: () => T | Promise<T>,
): Promise<T> {
  const lock = await acquireLock(path, options);
  try {
    return await body();
  } finally {
    lock.release();
  }
}

/** Waits until nobody holds the lock, without taking it. */
export async function waitForLock(path: string, options: LockOptions = {}): Promise<void> {
  return poll<void>(path, options, () => {
    const holder = lockHolder(path);
    return holder === undefined ? { value: undefined } : { holder };
  });
}

/** The living process that holds the lock. */
export function lockHolder(path: string): LockHolder | undefined {
  const found = readLock(path);
  return found === undefined || found.gone ? undefined : found;
}

/** Takes the lock, or says who holds it. */
export function tryLock(path: string): Lock | LockHolder {
  for (;;) {
    const tag = `${ownerTag()}.${randomBytes(4).toString('hex')}`;
    if (createLock(path, tag)) return { path, release: () => removeLock(path, tag) };
    const found = readLock(path);
    if (found === undefined) continue;
    if (!found.gone) return found;
    const replacing = tryLock(`${path}.${found.tag.slice(found.tag.lastIndexOf('.') + 1)}`);
    if (!('release' in replacing)) return found;
    removeLock(path, found.tag);
    replacing.release();
  }
}

type Attempt<T> = { readonly value: T } | { readonly holder: LockHolder };

async function poll<T>(path: string, options: LockOptions, attempt: () => Attempt<T>): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? Infinity);
  let told: string | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    if (options.signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const result = attempt();
    if ('value' in result) return result.value;
    const { holder } = result;
    if (performance.now() >= deadline)
      throw new HyperfileError('LOCK_TIMEOUT', { data: { path, pid: holder.pid } });
    if (told !== holder.tag) options.onWait?.(holder);
    told = holder.tag;
    await sleep(pauseMs * (0.5 + Math.random()));
  }
}

/** True when the file was created; false when it is there already. */
function createLock(path: string, tag: string): boolean {
  try {
    // A lock that was just given up may keep its name until a virus scanner has closed it.
    if (isOnWindows()) patiently(() => writeFileSync(path, tag, { flag: 'wx' }));
    else symlinkSync(tag, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw diskFullAt(path, error);
  }
}

function readLock(path: string): (LockHolder & { gone: boolean }) | undefined {
  const touchedMs = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (touchedMs === undefined) return undefined;
  try {
    const tag = isOnWindows() ? patiently(() => readFileSync(path, 'utf8')) : readlinkSync(path);
    const owner = tag.slice(0, Math.max(0, tag.lastIndexOf('.')));
    const gone = tag === '' ? Date.now() - touchedMs > UNNAMED_MS : ownerIsGone(owner, touchedMs);
    return { tag, path, pid: ownerPid(owner), gone };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes the lock if it is still this one. */
function removeLock(path: string, tag: string): void {
  if (readLock(path)?.tag !== tag) return;
  try {
    patiently(() => unlinkSync(path));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
