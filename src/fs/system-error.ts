/** The operating system's refusals, in our words. */
import { HyperfileError, systemCode } from '../base/error.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENAMETOOLONG: 'the name is too long',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reported an error',
  EMLINK: 'too many hard links',
  ENOENT: 'it vanished meanwhile',
  ETXTBSY: 'the file is in use',
  EBUSY: 'another program has it open',
  ENOTEMPTY: 'the directory is not empty',
  UNKNOWN: 'an error that has no name',
  EILSEQ: 'the file system cannot store this name',
};

/** Node's word for what Windows refuses without a POSIX name is UNKNOWN. */
const SYSTEM_CODE = /^(?:E[A-Z0-9]+|UNKNOWN)$/;

/** Runs `body`; what the system refuses becomes FS_GUEST_FULL or FS_FAILED about `path`, named as the guest does. */
export function guarded<T>(action: string, path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asFsError(error, action, path);
  }
}

/** Errors of ours, and those that are not the system's, pass unchanged. */
export function asFsError(error: unknown, action: string, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof HyperfileError || code === undefined || !SYSTEM_CODE.test(code)) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new HyperfileError('FS_GUEST_FULL', { data: { path }, cause: error });
  const reason = REASONS[code] ?? code;
  return new HyperfileError('FS_FAILED', { data: { action, path, reason }, cause: error });
}
