/** Where Hyperfile keeps its files, by the habits of each platform. */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { hostSystem } from './host-platform.ts';

/**
 * The store's folder: HYPERFILE_STORE (or HYPERFILE_HOME, its older name), else $XDG_DATA_HOME/hyperfile (~/.local/share/hyperfile), on Windows
 * %LOCALAPPDATA%\Hyperfile, on macOS ~/Library/Application Support/hyperfile. As the file system spells it: `d:\Store` and `D:\store`
 * are one store, and so is a link to it.
 */
export function storeFolder(env: NodeJS.ProcessEnv = process.env, platform = hostSystem()): string {
  return asOnDisk(chosenFolder(env, platform));
}

function chosenFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const named = env.HYPERFILE_STORE ?? env.HYPERFILE_HOME;
  if (named) return path.resolve(named);
  if (platform === 'win32')
    return path.join(env.LOCALAPPDATA || path.join(homedir(), 'AppData', 'Local'), 'Hyperfile');
  if (platform === 'darwin') return path.join(homedir(), 'Library', 'Application Support', 'hyperfile');
  return path.join(xdgFolder(env.XDG_DATA_HOME) ?? path.join(homedir(), '.local', 'share'), 'hyperfile');
}

/** What is not there yet is taken as it is. */
function asOnDisk(folder: string): string {
  try {
    return realpathSync.native(folder);
  } catch {
    const parent = path.dirname(folder);
    return parent === folder ? folder : path.join(asOnDisk(parent), path.basename(folder));
  }
}

/** The XDG specification: relative paths in its variables are invalid and ignored. */
function xdgFolder(value: string | undefined): string | undefined {
  return value !== undefined && path.isAbsolute(value) ? value : undefined;
}
