/** The drivers by name, loaded when they are wanted. */
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import type { StaleSession } from '../base/session.ts';
import { suggest } from '../base/suggest.ts';
import type { Driver } from './driver.ts';
import type { SettingsTable } from './driver-options.ts';
import type { AskAccess } from './hyperv/guest/guest.ts';

export interface DriverOptions {
  /** Absolute path: the store's folder. */
  readonly stateFolder: string;
  /** As `--driver-opt` gives them; each driver says which it knows. */
  readonly options?: Readonly<Record<string, string>>;
  /**
   * How to get into guests that ask who comes, as one of their users or as the account that they are entered with. Called
   * when that is first needed; rejects when nobody has said.
   */
  readonly guestAccess?: AskAccess;
}

interface DriverEntry {
  readonly open: (options: DriverOptions) => Promise<Driver>;
  /** @throws HyperfileError DRIVER_OPTION */
  readonly checkOptions: (given: DriverOptions['options']) => Promise<unknown>;
  readonly settings: () => Promise<SettingsTable>;
}

const DRIVERS: Readonly<Record<string, DriverEntry>> = {
  namespace: {
    open: async (options) => new (await import('./namespace/driver.ts')).NamespaceDriver(options),
    checkOptions: async (given) => (await import('./namespace/options.ts')).parseNamespaceOptions(given),
    settings: async () => (await import('./namespace/options.ts')).NAMESPACE_SETTINGS,
  },
  hyperv: {
    open: async (options) => new (await import('./hyperv/driver.ts')).HyperVDriver(options),
    checkOptions: async (given) => (await import('./hyperv/options.ts')).parseHyperVOptions(given),
    settings: async () => (await import('./hyperv/options.ts')).HYPERV_SETTINGS,
  },
};

/** The drivers that this version has. */
export const DRIVER_NAMES: readonly string[] = Object.keys(DRIVERS);

/** Where no name is given. */
const DEFAULTS: Partial<Record<NodeJS.Platform, string>> = { linux: 'namespace', win32: 'hyperv' };

/**
 * A driver by name (or that of HYPERFILE_DRIVER), or the host's own. A host has only its own driver, except that
 * NODE_POWERSHELL brings one from which Hyper-V can be reached: so the driver can be tried where there is no Windows.
 *
 * @throws HyperfileError DRIVER_UNKNOWN, DRIVER_UNAVAILABLE, DRIVER_OPTION
 */
export async function chooseDriver(
  name: string | undefined,
  options: DriverOptions,
  platform: NodeJS.Platform = process.platform,
): Promise<Driver> {
  const wanted = wantedDriver(name, platform);
  if (wanted === undefined) throw unavailable(platform);
  const { open } = entryOf(wanted);
  const isForeign = wanted === 'hyperv' && Boolean(process.env.NODE_POWERSHELL);
  if (DEFAULTS[platform] !== wanted && !isForeign) throw unavailable(platform, wanted);
  return open(options);
}

/**
 * Looks at what a driver was given, without opening it: a build may need no driver, or only after a long time. Nothing
 * where the host has none.
 *
 * @throws HyperfileError DRIVER_UNKNOWN, DRIVER_OPTION
 */
export async function checkDriverOptions(
  name: string | undefined,
  given: DriverOptions['options'],
  platform: NodeJS.Platform = process.platform,
): Promise<void> {
  const wanted = wantedDriver(name, platform);
  if (wanted !== undefined) await entryOf(wanted).checkOptions(given);
}

/** What can be set of a driver, or of the usual one, by key; nothing where there is no such driver. */
export async function driverSettings(
  name: string | undefined,
  platform: NodeJS.Platform = process.platform,
): Promise<SettingsTable> {
  const wanted = wantedDriver(name, platform) ?? '';
  return Object.hasOwn(DRIVERS, wanted) ? DRIVERS[wanted].settings() : {};
}

function wantedDriver(name: string | undefined, platform: NodeJS.Platform): string | undefined {
  return name ?? (process.env.HYPERFILE_DRIVER || DEFAULTS[platform]);
}

/** @throws HyperfileError DRIVER_UNKNOWN */
function entryOf(driver: string): DriverEntry {
  if (Object.hasOwn(DRIVERS, driver)) return DRIVERS[driver];
  throw unknown(driver);
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
  // Two commands that clean the same things would get in each other's way.
  const lock = path.join(runFolder(stateFolder), 'cleaning');
  return withLock(lock, { ...(signal && { signal }) }, async () => {
    const stale = staleSessions(stateFolder);
    await cleanSessions(stateFolder, stale);
    return stale.length;
  });
}

/** Each as its driver left them. */
async function cleanSessions(stateFolder: string, stale: readonly StaleSession[]): Promise<void> {
  const { isOfHyperV } = await import('./hyperv/leftovers.ts');
  const [ours, others] = [stale.filter(isOfHyperV), stale.filter((session) => !isOfHyperV(session))];
  if (process.platform === 'linux') await (await import('./namespace/leftovers.ts')).cleanLeftovers(others);
  else for (const session of others) session.remove();
  if (ours.length > 0) await (await import('./hyperv/driver.ts')).cleanStore(stateFolder, ours);
}

function unknown(driver: string): HyperfileError {
  const near = suggest(driver, DRIVER_NAMES);
  const suggestion = near === undefined ? '' : `, did you mean "${near}"?`;
  return new HyperfileError('DRIVER_UNKNOWN', { data: { driver, suggestion, known: DRIVER_NAMES } });
}

function unavailable(platform: NodeJS.Platform, driver?: string): HyperfileError {
  const system = platform === 'win32' ? 'Windows' : platform === 'darwin' ? 'macOS' : platform;
  const reason = driver === undefined ? `it runs ${system}` : `"${driver}" does not run on ${system}`;
  return new HyperfileError('DRIVER_UNAVAILABLE', { data: { reason } });
}
