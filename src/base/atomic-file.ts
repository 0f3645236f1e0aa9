/** Small files that are there whole or not at all, whatever happens while they are written. */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError, systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';
import { ownerIsGone, ownerTag } from './owner.ts';
import { removeFile, renameOver } from './patience.ts';

/** Unfinished files start with this; their final names never do. */
export const UNFINISHED_PREFIX = '.unfinished-';

/**
 * Replaces a file: a reader sees the old text or the new. Nothing is made durable: after a power cut the file may be
 * missing or empty, so this is for what can be made again.
 *
 * @throws HyperfileError DISK_FULL
 */
export function replaceFile(filePath: string, text: string): void {
  const unfinished = unfinishedName(filePath);
  try {
    writeUnfinished(unfinished, text);
    renameOver(unfinished, filePath);
  } catch (error) {
    removeFile(unfinished);
    throw diskFullAt(filePath, error);
  }
}

/**
 * Replaces a file whose bytes are on the storage before its name is. The name itself is durable after the next
 * {@link syncFolder}.
 *
 * @throws HyperfileError DISK_FULL
 */
export async function replaceFileDurably(filePath: string, text: string): Promise<void> {
  const unfinished = unfinishedName(filePath);
  try {
    writeUnfinished(unfinished, text);
    await syncFile(unfinished);
    renameOver(unfinished, filePath);
  } catch (error) {
    removeFile(unfinished);
    throw diskFullAt(filePath, error);
  }
}

/** Waits, off the main thread, until a file's bytes are on the storage. */
export async function syncFile(filePath: string): Promise<void> {
  // Windows flushes only what is open for writing.
  const handle = await open(filePath, isOnWindows() ? 'r+' : 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. Windows has no such call and needs none: NTFS logs its names. */
export async function syncFolder(folder: string): Promise<void> {
  if (!isOnWindows()) await syncFile(folder);
}

/** The error to throw for a failed write: DISK_FULL when it failed for want of space or quota, else as it was. */
export function diskFullAt(filePath: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new HyperfileError('DISK_FULL', { data: { path: filePath }, cause: error });
}

/** A new name beside a file, to write to until the file is complete. It says whose it is. */
export function unfinishedName(filePath: string): string {
  const name = `${UNFINISHED_PREFIX}${ownerTag()}.${randomBytes(6).toString('hex')}`;
  return path.join(path.dirname(filePath), name);
}

/** True when the writer of an unfinished file, last touched then (epoch), will never finish it. */
export function isAbandoned(fileName: string, touchedMs: number): boolean {
  const owner = fileName.slice(UNFINISHED_PREFIX.length, fileName.lastIndexOf('.'));
  return ownerIsGone(owner, touchedMs);
}

/** Removes what writers left in a folder that were killed. */
export function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(UNFINISHED_PREFIX)) continue;
    const file = path.join(folder, name);
    const touchedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (touchedMs !== undefined && isAbandoned(name, touchedMs)) removeFile(file);
  }
}

function writeUnfinished(filePath: string, text: string): void {
  const fd = openInFolder(filePath);
  try {
    writeFully(fd, text);
  } finally {
    closeSync(fd);
  }
}

function openInFolder(filePath: string): number {
  try {
    return openSync(filePath, 'wx');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    mkdirSync(path.dirname(filePath), { recursive: true });
    return openSync(filePath, 'wx');
  }
}

/** A file system that fills up may take only part of a write before it refuses the rest. */
function writeFully(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
