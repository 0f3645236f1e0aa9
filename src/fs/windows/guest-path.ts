/** Paths in a Windows guest: `C:\a\b` as people write them, `/a/b` as file steps handle them. */
import { HyperfileError } from '../../base/error.ts';
import { parseLinkTarget, withoutDotDot } from './link-target.ts';

/** The drive of the system volume, which is the one that is mounted. */
export const SYSTEM_DRIVE = 'C:';

/**
 * `C:\a\b`, `\a\b`, `/a/b` and `a\b` to `/a/b`; a slash at the end, which says that it is a directory, stays.
 *
 * @param label what the error calls the guest
 * @throws HyperfileError FS_OTHER_DRIVE for other drives, shares and devices
 */
export function fromWindowsPath(guestPath: string, label: string): string {
  const target = parseLinkTarget(guestPath);
  const isOther = target.from === 'elsewhere' || (target.from === 'drive' && !isSystemDrive(target.drive));
  if (isOther) throw new HyperfileError('FS_OTHER_DRIVE', { data: { path: guestPath, tree: label } });
  const path = '/' + withoutDotDot(target.names).names.join('/');
  return path !== '/' && /[\\/]\.?$/.test(guestPath) ? path + '/' : path;
}

export function toWindowsPath(names: readonly string[]): string {
  return `${SYSTEM_DRIVE}\\${names.join('\\')}`;
}

function isSystemDrive(drive: string): boolean {
  return drive.toUpperCase() === SYSTEM_DRIVE;
}
