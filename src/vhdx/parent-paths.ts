/** The paths in a parent locator: what a child is told of its parent, and where those words lead on this host. */
import fs from 'node:fs';
import path from 'node:path';
import { hostSystem, pathsOf } from '../base/host-platform.ts';
import { PATH_KEYS, type Locator } from './locator.ts';

/** The entries a child at `childPath` gets for its parent. */
export function locatorFor(
  childPath: string,
  parentPath: string,
  parentDataWriteGuid: string,
  platform: NodeJS.Platform = hostSystem(),
): Map<string, string> {
  const parent = realName(parentPath, platform);
  const relative = relativeWindowsPath(realFolder(childPath, platform), parent, platform);
  return new Map([
    ['parent_linkage', `{${parentDataWriteGuid}}`],
    ...(relative === undefined ? [] : [['relative_path', relative] as const]),
    ['absolute_win32_path', absoluteWindowsPath(parent, relative, platform)],
  ]);
}

/** Undefined for a parent on another drive or share: no relative path leads there. */
function relativeWindowsPath(folder: string, parent: string, platform: NodeJS.Platform): string | undefined {
  const paths = pathsOf(platform);
  if (paths.parse(folder).root.toLowerCase() !== paths.parse(parent).root.toLowerCase()) return undefined;
  const written = paths.relative(folder, parent).replaceAll('/', '\\');
  return written.startsWith('..\\') ? written : `.\\${written}`;
}

/**
 * Readers that know only absolute paths take the base name and look beside the child. Elsewhere than on Windows no such
 * path exists, and of a layer, which lies beside its parent wherever it goes, nobody need know where it was made: there
 * only the name in it is true.
 */
function absoluteWindowsPath(
  parent: string,
  relative: string | undefined,
  platform: NodeJS.Platform,
): string {
  const name = pathsOf(platform).basename(parent);
  if (platform !== 'win32' || relative === `.\\${name}`) return `\\\\?\\C:\\hyperfile\\${name}`;
  return parent.startsWith('\\\\') ? `\\\\?\\UNC\\${parent.slice(2)}` : `\\\\?\\${parent}`;
}

/** Where the parent may be, most trusted first, without repeats. */
export function parentCandidates(
  childPath: string,
  locator: Locator,
  platform: NodeJS.Platform = hostSystem(),
): string[] {
  const named = PATH_KEYS.flatMap((key) => locator.entries.get(key) ?? []);
  const paths = pathsOf(platform);
  const besides = named.map((name) => paths.join(realFolder(childPath, platform), path.win32.basename(name)));
  // Who made the child may have taken its folder by the name of a link to it.
  const throughLink = relativePlace(paths.dirname(paths.resolve(childPath)), locator, platform);
  return [...new Set([...followedPaths(childPath, locator, platform), ...besides, ...throughLink])];
}

/** The paths of a locator that lead anywhere on this host: elsewhere than on Windows only the relative one. */
export function followedPaths(
  childPath: string,
  locator: Locator,
  platform: NodeJS.Platform = hostSystem(),
): string[] {
  const followed = relativePlace(realFolder(childPath, platform), locator, platform);
  if (platform !== 'win32') return followed;
  const absolute = PATH_KEYS.slice(1).flatMap((key) => locator.entries.get(key) ?? []);
  return [...followed, ...absolute.map(withoutPrefix)];
}

function relativePlace(folder: string, { entries }: Locator, platform: NodeJS.Platform): string[] {
  const relative = entries.get('relative_path');
  if (relative === undefined) return [];
  return [
    pathsOf(platform).resolve(folder, platform === 'win32' ? relative : relative.replaceAll('\\', '/')),
  ];
}

/** Node takes paths of any length without `\\?\`, and the same file has one name then. Volumes have no other name. */
function withoutPrefix(windowsPath: string): string {
  return windowsPath.replace(/^\\\\[?.]\\UNC\\/i, '\\\\').replace(/^\\\\[?.]\\(?=[a-z]:\\)/i, '');
}

/** A file by the real name of its folder: a path through a link to a folder has other neighbours than it looks. */
function realName(filePath: string, platform: NodeJS.Platform): string {
  const paths = pathsOf(platform);
  return paths.join(realFolder(filePath, platform), paths.basename(paths.resolve(filePath)));
}

function realFolder(filePath: string, platform: NodeJS.Platform): string {
  const paths = pathsOf(platform);
  const folder = paths.dirname(paths.resolve(platform === 'win32' ? withoutPrefix(filePath) : filePath));
  try {
    return fs.realpathSync(folder);
  } catch {
    return folder;
  }
}
