/** Scripts that do file steps in a Linux guest: how they end, and what that means. */
import type { Readable } from 'node:stream';
import { HyperfileError } from '../../../base/error.ts';
import { SSH_FAILED, type Ssh } from './ssh.ts';

/** Exit statuses that no program in such a script ends with. */
export const STATUS = {
  missing: 90,
  notFile: 91,
  notDirectory: 92,
  isDirectory: 93,
  unreadable: 94,
  noNamespace: 95,
} as const;

export interface FilesScriptOptions {
  readonly input?: string | Readable;
  /** Statuses that are no failure, besides 0. */
  readonly accept?: readonly number[];
  readonly onStdout?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal | undefined;
}

const SAID_CHARACTERS = 1000;

/**
 * @param what the guest's path that it is about
 * @returns its exit status
 * @throws HyperfileError FS_NOT_A_FILE, FS_NOT_A_DIRECTORY, FS_IS_A_DIRECTORY, FS_FAILED, HYPERV_GUEST_UNSHARE,
 *   HYPERV_GUEST_LOST, HYPERV_GUEST_FILES, and as {@link Ssh.run} does
 */
export async function runFilesScript(
  ssh: Ssh,
  script: string,
  what: string,
  { input, accept = [], onStdout, signal }: FilesScriptOptions = {},
): Promise<number> {
  let said = '';
  const status = await ssh.run({
    script,
    ...(input !== undefined && { input }),
    ...(onStdout && { onStdout }),
    ...(signal && { signal }),
    onStderr: (chunk) => void (said = (said + chunk.toString()).slice(-SAID_CHARACTERS)),
  });
  if (status === 0 || accept.includes(status)) return status;
  throw failureOf(status, what, said.trim() || `status ${status}`);
}

export function filesError(what: string, message: string): HyperfileError {
  return new HyperfileError('HYPERV_GUEST_FILES', { data: { what, message } });
}

function failureOf(status: number, path: string, message: string): HyperfileError {
  switch (status) {
    case STATUS.notFile:
      return new HyperfileError('FS_NOT_A_FILE', { data: { path } });
    case STATUS.notDirectory:
      return new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path } });
    case STATUS.isDirectory:
      return new HyperfileError('FS_IS_A_DIRECTORY', { data: { path } });
    case STATUS.unreadable:
      return new HyperfileError('FS_FAILED', { data: { action: 'reading', path, reason: message } });
    case STATUS.noNamespace:
      return new HyperfileError('HYPERV_GUEST_UNSHARE', {
        data: { what: 'show what is on its disks', message },
      });
    case SSH_FAILED:
      return new HyperfileError('HYPERV_GUEST_LOST', { data: { message } });
    default:
      return filesError(path, message);
  }
}
