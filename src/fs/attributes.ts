/** Owner, mode and times of what was just made. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  utimesSync,
} from 'node:fs';
import type { Owner } from './guest-files.ts';

export const PERMISSION_BITS = 0o7777;

export interface Attributes extends Owner {
  /** Permission bits, 0 to 07777. */
  readonly mode: number;
  readonly modifiedSeconds: number;
}

/** For a file still open; closes it. The owner goes first: changing it clears set-user-id bits. */
export function finishFile(file: number, { uid, gid, mode, modifiedSeconds }: Attributes): void {
  try {
    fchownSync(file, uid, gid);
    fchmodSync(file, mode);
    futimesSync(file, modifiedSeconds, modifiedSeconds);
  } finally {
    closeSync(file);
  }
}

/** For directories, pipes and devices; a directory's time is set again when everything is in it. */
export function finishNode(hostPath: string, { uid, gid, mode, modifiedSeconds }: Attributes): void {
  chownSync(hostPath, uid, gid);
  chmodSync(hostPath, mode);
  utimesSync(hostPath, modifiedSeconds, modifiedSeconds);
}

export function finishLink(hostPath: string, { uid, gid, modifiedSeconds }: Attributes): void {
  lchownSync(hostPath, uid, gid);
  lutimesSync(hostPath, modifiedSeconds, modifiedSeconds);
}
