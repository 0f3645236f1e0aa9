/** A disk server process from start to end. */
import type { OpenDisk } from './engine.ts';
import { serve } from './device.ts';
import { FuseSession } from './session.ts';

/** The file descriptor that the process is given /dev/fuse as. */
export const DEVICE_FD = 3;

/**
 * Serves disks until the file system is unmounted.
 *
 * @param ownerPid the process that started this one; when it is gone before the kernel was told to end this process
 *   with it, nothing is served
 */
export function runDiskServer(open: OpenDisk, ownerPid: number): void {
  if (process.ppid !== ownerPid) return;
  const session = new FuseSession(open);
  try {
    serve(DEVICE_FD, session);
  } finally {
    session.close();
  }
}
