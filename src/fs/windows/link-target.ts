/** Where symbolic links, junctions and mount points of Windows lead, by their text. */

export type LinkTarget =
  /** From the directory that the link lies in; may hold `..`. */
  | { readonly from: 'here'; readonly names: readonly string[] }
  /** From the root of the link's own volume. */
  | { readonly from: 'root'; readonly names: readonly string[] }
  /** From a drive: `C:`. */
  | { readonly from: 'drive'; readonly drive: string; readonly names: readonly string[] }
  /** Another host, a volume by its number, a device. */
  | { readonly from: 'elsewhere' };

/** What the kernel's names of files begin with (`\??\`), and those that are not looked into (`\\?\`). */
const VERBATIM = /^[\\/](?:\?\?|[\\/]\?)[\\/]/;
const DRIVE = /^([A-Za-z]:)(.*)$/s;

/** Reads a target in any form that Windows stores or shows; both slashes separate names. */
export function parseLinkTarget(text: string): LinkTarget {
  const isVerbatim = VERBATIM.test(text);
  const rest = text.replace(VERBATIM, '');
  const [, drive, path] = DRIVE.exec(rest) ?? [];
  if (drive !== undefined && path !== undefined)
    // `C:x` is relative to whatever the drive's current directory is.
    return /^(?:[\\/]|$)/.test(path)
      ? { from: 'drive', drive, names: splitNames(path) }
      : { from: 'elsewhere' };
  if (isVerbatim || /^[\\/]{2}/.test(text)) return { from: 'elsewhere' };
  return { from: /^[\\/]/.test(text) ? 'root' : 'here', names: splitNames(text) };
}

/** Names between slashes of both kinds; empty ones and `.` are none. */
export function splitNames(text: string): string[] {
  return text.split(/[\\/]/).filter((name) => name !== '' && name !== '.');
}

/** Takes `..` away as Windows does: by the text alone, whatever the names before it are. */
export function withoutDotDot(names: readonly string[]): { names: string[]; wentAbove: boolean } {
  const result: string[] = [];
  let wentAbove = false;
  for (const name of names) {
    if (name !== '..') result.push(name);
    else if (result.pop() === undefined) wentAbove = true;
  }
  return { names: result, wentAbove };
}
