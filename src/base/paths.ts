/** Where Hyperfile keeps its files, by the habits of each platform. */
import { homedir } from 'node:os';
import path from 'node:path';
import { hostSystem } from './host-platform.ts';

/**
 * The store's folder: HYPERFILE_STORE (or HYPERFILE_HOME, its older name), else $XDG_DATA_HOME/hyperfile (~/.local/share/hyperfile), on Windows
 * %LOCALAPPDATA%\Hyperfile, on macOS ~/Library/Application Support/hyperfile.
 */
export function storeFolder(env: NodeJS.ProcessEnv = process.env, platform = hostSystem()): string {
  const named = env.HYPERFILE_STORE ?? env.HYPERFILE_HOME;
  if (named) return path.resolve(named);
  if (platform === 'win32')
    return path.join(env.LOCALAPPDATA || path.join(homedir(), 'AppData', 'Local'), 'Hyperfile');
  if (platform === 'darwin') return path.join(homedir(), 'Library', 'Application Support', 'hyperfile');
  return path.join(xdgFolder(env.XDG_DATA_HOME) ?? path.join(homedir(), '.local', 'share'), 'hyperfile');
}

/** The XDG specification: relative paths in its variables are invalid and ignored. */
function xdgFolder(value: string | undefined): string | undefined {
  return value !== undefined && path.isAbsolute(value) ? value : undefined;
}
