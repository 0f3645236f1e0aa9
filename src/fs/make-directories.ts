/** Directories of a guest, made with their missing parents. */
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { HyperfileError } from '../base/error.ts';
import type { Owner } from './guest-files.ts';
import { traceInside, type Trace } from './inside.ts';
import { guarded } from './system-error.ts';

export const DIRECTORY_MODE = 0o755;

/**
 * Makes a directory and its missing parents inside `root`; what exists stays as it is. Returns its host path.
 *
 * @throws HyperfileError FS_NOT_A_DIRECTORY when a file is in the way
 */
export function makeDirectories(
  root: string,
  guestPath: string,
  mode: number,
  owner: Owner | undefined,
): string {
  const trace = traceInside(root, guestPath);
  if (trace.stat) {
    requireDirectory(trace);
    return trace.hostPath;
  }
  let made = root === '/' ? '' : root;
  for (const name of trace.names) {
    made += '/' + name;
    makeOne(made, '/' + trace.names.join('/'), mode, owner);
  }
  return trace.hostPath;
}

function requireDirectory(trace: Trace): void {
  if (trace.stat?.isDirectory()) return;
  throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: '/' + trace.names.join('/') } });
}

function makeOne(hostPath: string, guestPath: string, mode: number, owner: Owner | undefined): void {
  guarded('making the directory', guestPath, () => {
    try {
      mkdirSync(hostPath, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw error;
    }
    if (owner) chownSync(hostPath, owner.uid, owner.gid);
    chmodSync(hostPath, mode);
  });
}
