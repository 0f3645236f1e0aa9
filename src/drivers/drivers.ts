/** The drivers by name, loaded when they are wanted. */
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { Driver } from './driver.ts';

export interface DriverOptions {
  /** Absolute path: the store's folder. */
  readonly stateFolder: string;
  /** How the namespace driver starts commands; default HYPERFILE_RUNTIME, else `builtin`. */
  readonly runtime?: string;
}

const DRIVERS: Readonly<Record<string, (options: DriverOptions) => Promise<Driver>>> = {
  namespace: async (options) => new (await import('./namespace/driver.ts')).NamespaceDriver(options),
};

/** The drivers that this version has. */
export const DRIVER_NAMES: readonly string[] = Object.keys(DRIVERS);

/** Where no name is given. */
const DEFAULTS: Partial<Record<NodeJS.Platform, string>> = { linux: 'namespace' };

/**
 * A driver by name, or the host's own.
 *
 * @throws HyperfileError DRIVER_UNKNOWN, DRIVER_UNAVAILABLE
 */
export async function chooseDriver(
  name: string | undefined,
  options: DriverOptions,
  platform: NodeJS.Platform = process.platform,
): Promise<Driver> {
  const wanted = name ?? DEFAULTS[platform];
  if (wanted === undefined) throw unavailable(platform);
  const open = Object.hasOwn(DRIVERS, wanted) ? DRIVERS[wanted] : undefined;
  if (open === undefined) throw unknown(wanted);
  if (DEFAULTS[platform] !== wanted) throw unavailable(platform);
  return open(options);
}

/**
 * Removes what commands that were killed outright left below the state folder. For the start of any command; costs
 * next to nothing when there is nothing.
 *
 * @returns how many sessions were cleaned
 */
export async function cleanStaleSessions(stateFolder: string, signal?: AbortSignal): Promise<number> {
  const { runFolder, staleSessions } = await import('../base/session.ts');
  if (staleSessions(stateFolder).length === 0) return 0;
  const { withLock } = await import('../base/lock.ts');
  const { cleanLeftovers } = await import('./namespace/leftovers.ts');
  // Two commands that clean the same things would get in each other's way.
  const lock = path.join(runFolder(stateFolder), 'cleaning');
  return withLock(lock, { ...(signal && { signal }) }, () => cleanLeftovers(stateFolder));
}

function unknown(driver: string): HyperfileError {
  const near = suggest(driver, DRIVER_NAMES);
  const suggestion = near === undefined ? '' : `, did you mean "${near}"?`;
  return new HyperfileError('DRIVER_UNKNOWN', { data: { driver, suggestion, known: DRIVER_NAMES } });
}

function unavailable(platform: NodeJS.Platform): HyperfileError {
  const system = platform === 'win32' ? 'Windows' : platform === 'darwin' ? 'macOS' : platform;
  return new HyperfileError('DRIVER_UNAVAILABLE', { data: { reason: `it runs ${system}` } });
}
