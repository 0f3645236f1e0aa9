/**
 * What a running command must have removed when it ends, however it ends. Each session has a file of its own, written
 * before the thing it names is made, so whoever comes after a `kill -9` knows what lies about: the session's folder with
 * everything mounted below it, and the files it had not finished.
 */
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { diskFullAt } from './atomic-file.ts';
import { systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';
import { ownerIsGone, ownerTag } from './owner.ts';
import { removeFile } from './patience.ts';

/**
 * A line a claim: `+` or `-` for claimed or released, and the path as JSON. Only ever appended to: replacing a file makes
 * the host's file system write out what it holds back, and steps claim files all the time.
 */
const SUFFIX = '.claims';

let opened = 0;

/** One command's claim on the state folder. */
export interface Session {
  /** A private folder for mounts and small files. */
  readonly folder: string;
  /** A file that is about to be made: until it is released, whoever cleans up after this process removes it. */
  claim(filePath: string): void;
  /** The file is finished, or its owner has removed it. */
  release(filePath: string): void;
  /** Removes a claimed file now. */
  discard(filePath: string): void;
  /** Removes the session's folder and record. What was mounted must be unmounted before. */
  close(): void;
}

/** A session whose process has ended without closing it. */
export interface StaleSession {
  readonly folder: string;
  readonly files: readonly string[];
  /** Removes its unfinished files, its folder and its record. What was mounted must be unmounted before. */
  remove(): void;
}

/**
 * Opens a session below `<stateFolder>/run`.
 *
 * @throws HyperfileError DISK_FULL
 */
export function openSession(stateFolder: string): Session {
  const folder = path.join(runFolder(stateFolder), `${ownerTag()}.${++opened}`);
  const record = folder + SUFFIX;
  const files = new Set<string>();
  const release = (filePath: string): void => {
    const file = path.resolve(filePath);
    if (files.delete(file)) append(record, `-${JSON.stringify(file)}\n`);
  };
  mkdirSync(path.dirname(record), { recursive: true });
  append(record, '');
  mkdirSync(folder, { mode: 0o700 });
  return {
    folder,
    claim: (filePath) => {
      const file = path.resolve(filePath);
      files.add(file);
      append(record, `+${JSON.stringify(file)}\n`);
    },
    release,
    discard: (filePath) => {
      removeFile(filePath);
      release(filePath);
    },
    close: () => {
      removeUnmounted(folder);
      removeFile(record);
    },
  };
}

/** The sessions below a state folder whose process is gone. Cheap when there are none. */
export function staleSessions(stateFolder: string): StaleSession[] {
  return recordsIn(runFolder(stateFolder)).flatMap((record) => {
    const owner = path.basename(record, SUFFIX).replace(/\.\d+$/, '');
    const touchedMs = statSync(record, { throwIfNoEntry: false })?.mtimeMs;
    if (touchedMs === undefined || !ownerIsGone(owner, touchedMs)) return [];
    const folder = record.slice(0, -SUFFIX.length);
    const files = claimedFiles(record);
    const remove = (): void => {
      for (const file of files) removeFile(file);
      removeUnmounted(folder);
      removeFile(record);
    };
    return [{ folder, files, remove }];
  });
}

/** Where the sessions of a state folder live. */
export function runFolder(stateFolder: string): string {
  return path.join(path.resolve(stateFolder), 'run');
}

/** Removes a folder, but never anything in a file system that is still mounted below it. */
function removeUnmounted(folder: string): void {
  const device = lstatSync(folder, { throwIfNoEntry: false })?.dev;
  if (device === undefined) return;
  for (const name of readdirSync(folder)) {
    const entry = path.join(folder, name);
    const stat = statOfLiving(entry);
    if (stat?.dev !== device) {
      removeEmptied(entry);
      continue;
    }
    if (stat.isDirectory()) removeUnmounted(entry);
    else removeFile(entry);
  }
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['EBUSY', 'ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) throw error;
  }
}

/** On Windows, where a volume was mounted that is gone: a folder that leads nowhere and can only be removed. */
function removeEmptied(mountPoint: string): void {
  if (!isOnWindows()) return;
  try {
    rmdirSync(mountPoint);
  } catch {
    // Then the folder around it stays, too.
  }
}

/** Undefined for the mount point of a file system whose server is dead, or of a volume that is gone. */
function statOfLiving(entry: string): Stats | undefined {
  try {
    return lstatSync(entry, { throwIfNoEntry: false });
  } catch (error) {
    if (isOnWindows() || ['ENOTCONN', 'ECONNABORTED', 'EIO'].includes(systemCode(error) ?? ''))
      return undefined;
    throw error;
  }
}

function recordsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => path.join(folder, name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function append(record: string, line: string): void {
  try {
    appendFileSync(record, line);
  } catch (error) {
    throw diskFullAt(record, error);
  }
}

/** What was claimed and not released. A last line that was cut short (the host lost power) names nothing. */
function claimedFiles(record: string): string[] {
  const files = new Set<string>();
  for (const line of readFileSync(record, 'utf8').split('\n').slice(0, -1)) {
    const file = parsePath(line.slice(1));
    if (file === undefined) continue;
    if (line.startsWith('+')) files.add(file);
    else files.delete(file);
  }
  return [...files];
}

function parsePath(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' && path.isAbsolute(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
