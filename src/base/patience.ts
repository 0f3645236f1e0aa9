/**
 * On Windows a virus scanner, an indexer or a reader that has just opened a file makes the system refuse to replace, remove
 * or open it for a moment. What is done patiently is tried again there, and for good refused only after about a second;
 * elsewhere it is done once.
 */
import { renameSync, rmSync } from 'node:fs';
import { systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 8;
/** Sharing violations are EBUSY; a name that waits for its last handle to close, and a target that is open, are EPERM. */
const REFUSED_FOR_A_MOMENT: readonly string[] = ['EPERM', 'EBUSY', 'EACCES'];

/** Whether Windows refused because something else has the file open. A lack of rights looks the same. */
export function isRefusedForNow(error: unknown): boolean {
  return isOnWindows() && REFUSED_FOR_A_MOMENT.includes(systemCode(error) ?? '');
}

/** @param attempts each waits twice as long as the one before; 8 take a second in all */
export function patiently<T>(action: () => T, attempts = ATTEMPTS): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return action();
    } catch (error) {
      if (attempt >= attempts || !isRefusedForNow(error)) throw error;
      pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

/** Gives a file a name that another may have: a reader sees the old one or the new. */
export function renameOver(from: string, to: string): void {
  patiently(() => renameSync(from, to));
}

/** As {@link renameOver}, where this process has `to` open: Windows replaces no open file, but lets it be moved aside. */
export function renameOverOpen(from: string, to: string): void {
  if (!isOnWindows()) return renameOver(from, to);
  const aside = `${from}.old`;
  renameOver(to, aside);
  try {
    renameOver(from, to);
  } catch (error) {
    renameOver(aside, to);
    throw error;
  }
  removeFile(aside);
}

/** Removes a file that may not be there. */
export function removeFile(filePath: string, attempts = ATTEMPTS): void {
  patiently(() => rmSync(filePath, { force: true }), attempts);
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
