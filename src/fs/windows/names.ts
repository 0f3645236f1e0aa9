/** Names of files on Windows: which there may be, and which are the same. */
import { HyperfileError } from '../../base/error.ts';

const LONGEST_NAME_UNITS = 255;
// Windows takes these for devices in every directory and with every extension, also with spaces before it.
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[<>:"/\\|?*\u0000-\u001f]/;

/**
 * Refuses a name that Windows cannot give, or would take for something else than a file.
 *
 * @param shown what the error calls it: the path that it is a part of
 * @throws HyperfileError FS_NAME_INVALID
 */
export function checkWindowsName(name: string, shown: string): void {
  const reason = whyNot(name);
  if (reason === undefined) return;
  throw new HyperfileError('FS_NAME_INVALID', { data: { name: JSON.stringify(shown), reason } });
}

function whyNot(name: string): string | undefined {
  const forbidden = FORBIDDEN.exec(name)?.[0];
  if (forbidden === ':') return 'a colon names an alternate stream of a file, or a drive';
  if (forbidden === '\0') return 'it holds a zero byte';
  if (forbidden !== undefined) return `Windows has no ${JSON.stringify(forbidden)} in names`;
  if (DEVICE.test(name)) return `Windows takes ${name.replace(/[ .].*/s, '')} for a device`;
  if (/[ .]$/.test(name)) return 'Windows drops a dot or a space at the end of a name';
  if (name.length > LONGEST_NAME_UNITS) return `it is longer than ${LONGEST_NAME_UNITS} UTF-16 units`;
  return undefined;
}

/**
 * The same text for all names that NTFS takes for one: it compares UTF-16 units, by a table of capital letters that
 * has only pairs.
 */
export function foldName(name: string): string {
  if (/^[\0-\x7f]*$/.test(name)) return name.toUpperCase();
  return Array.from({ length: name.length }, (_, at) => capital(name.charAt(at))).join('');
}

function capital(unit: string): string {
  const upper = unit.toUpperCase();
  const isPair = upper.length === 1 && upper.toLowerCase() === unit;
  return isPair ? upper : unit;
}
