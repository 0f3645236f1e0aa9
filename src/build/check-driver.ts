/** What `--driver` and `--driver-opt` say is looked at before a build starts, though the driver may never be needed. */
import type { BuildIo } from './build.ts';
import type { BuildOptions } from './options.ts';

/** @throws HyperfileError DRIVER_UNKNOWN, DRIVER_OPTION */
export async function checkDriver(
  { driver, driverOptions }: Partial<Pick<BuildOptions, 'driver' | 'driverOptions'>>,
  { chooseDriver }: Pick<BuildIo, 'chooseDriver'>,
): Promise<void> {
  const isSaid = driver !== undefined || driverOptions !== undefined;
  // A driver of the caller's own has options of its own.
  if (!isSaid || chooseDriver !== undefined) return;
  const { checkDriverOptions } = await import('../drivers/drivers.ts');
  await checkDriverOptions(driver, driverOptions);
}
