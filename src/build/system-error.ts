/** The system's own errors (a full disk, a missing file) as errors for people. */
import { HyperfileError, systemCode } from '../base/error.ts';

/** Turns ENOSPC and EDQUOT into DISK_FULL; every other error comes back as it is. */
export function systemError(error: unknown): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  const path =
    typeof error === 'object' && error !== null && 'path' in error ? String(error.path) : 'the store';
  return new HyperfileError('DISK_FULL', { data: { path }, cause: error });
}
