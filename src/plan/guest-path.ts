/** Paths in a guest, as its system reads them: made absolute, in the one form that configs and keys have. */
import { posix, win32 } from 'node:path';
import { HyperfileError } from '../base/error.ts';
import type { GuestOs } from '../oci/image.ts';

const WINDOWS_ROOT = 'C:\\';
/** `\\server\share`, `//server/share`, and the device names `\\?\` and `\\.\`. */
const UNC = /^[\\/]{2}/;
const DRIVE = /^[A-Za-z]:/;

/**
 * `text` seen from a folder. On Windows `C:\a`, `C:/a`, `\a`, `/a` and `a` all work, and the answer has the form
 * `C:\a\b`; what has no drive is on that of the folder.
 *
 * @throws HyperfileError PLAN_WINDOWS_PATH
 */
export function resolveInGuest(os: GuestOs, folder: string, text: string): string {
  return os === 'windows' ? resolveOnWindows(folder, text) : posix.resolve(folder, text);
}

/** The same for where files go: `.`, `dir/.` and a separator at the end mean a directory, and one at its end says so. */
export function resolveDestination(os: GuestOs, folder: string, text: string): string {
  const absolute = resolveInGuest(os, folder, text);
  const [separator, isDirectory] =
    os === 'windows'
      ? ['\\', /(?:^|[\\/]|^[A-Za-z]:)\.{0,2}$/.test(text)]
      : ['/', /(?:^|\/)\.{0,2}$/.test(text)];
  return isDirectory && !absolute.endsWith(separator) ? `${absolute}${separator}` : absolute;
}

/** What `COPY --from` names in a guest, in the form of sources: from the root, with `/`. */
export function sourceInGuest(os: GuestOs, text: string): string {
  return os === 'windows' ? text.replace(/^[Cc]:(?=[\\/]|$)/, '').replaceAll('\\', '/') : text;
}

function resolveOnWindows(folder: string, text: string): string {
  const wrong = [folder, text].find((path) => UNC.test(path));
  if (wrong !== undefined) throw new HyperfileError('PLAN_WINDOWS_PATH', { data: { path: wrong } });
  // `D:a` would be seen from the folder that the host has on D.
  const onOtherDrive = DRIVE.test(text) && driveOf(text) !== driveOf(folder);
  const start = onOtherDrive ? `${driveOf(text)}\\` : folder;
  const path = win32.resolve(WINDOWS_ROOT, start, text);
  return path.charAt(0).toUpperCase() + path.slice(1);
}

function driveOf(path: string): string {
  return DRIVE.exec(path)?.[0].toUpperCase() ?? WINDOWS_ROOT.slice(0, 2);
}
