/** Reading the store's small files: absent is an answer, and what cannot be read or written has a name. */
import { readFileSync, readdirSync, unlinkSync, utimesSync } from 'node:fs';
import { HyperfileError, systemCode } from '../base/error.ts';
import { patiently } from '../base/patience.ts';

/** Where rights are missing nobody waits long. */
const READ_ATTEMPTS = 4;

/** A file's text, or undefined when there is no such file. */
export function readIfThere(filePath: string): string | undefined {
  try {
    return patiently(() => readFileSync(filePath, 'utf8'), READ_ATTEMPTS);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw accessError(filePath, error);
  }
}

/** The names in a folder, none when there is no such folder. */
export function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw accessError(folder, error);
  }
}

/** Removes a file; false when it was not there. */
export function removeIfThere(filePath: string): boolean {
  try {
    patiently(() => unlinkSync(filePath));
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw accessError(filePath, error);
  }
}

/** Parses JSON that may be torn or foreign: undefined when it is not an object. */
export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Notes that a file was used, for the order in which a prune lets go. A store one may only read is used all the same. */
export function touch(filePath: string): void {
  try {
    const now = new Date();
    utimesSync(filePath, now, now);
  } catch {
    // Only the order of a later prune is lost.
  }
}

const ACCESS_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EBUSY: 'another program has it open',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EIO: 'the storage reports an input/output error',
};

/** STORE_ACCESS for what a user can mend, else the error as it was. */
export function accessError(filePath: string, error: unknown): unknown {
  const reason = ACCESS_REASONS[systemCode(error) ?? ''];
  return reason === undefined
    ? error
    : new HyperfileError('STORE_ACCESS', { data: { path: filePath, reason }, cause: error });
}
