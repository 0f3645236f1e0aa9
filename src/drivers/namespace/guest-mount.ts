/** How a guest's file system is mounted, trimmed, and made safe to seal. */
import { HyperfileError } from '../../base/error.ts';
import { runQuickly } from '../../base/spawn.ts';
import { EXT4_BUILD_OPTIONS } from '../../fs/ext4.ts';
import { mount } from './mounts.ts';

/** Every layer of an image has the same UUID, and XFS mounts each only once unless told. */
const OPTIONS: Readonly<Record<string, string>> = {
  ext4: EXT4_BUILD_OPTIONS,
  ext3: 'noatime',
  xfs: 'noatime,nouuid',
};

/** @throws HyperfileError DRIVER_MOUNT_FAILED */
export async function mountGuest(
  device: string,
  target: string,
  type: string,
  writable: boolean,
): Promise<void> {
  const options = (writable ? 'rw,' : 'ro,') + (OPTIONS[type] ?? 'noatime');
  try {
    await mountOnce(device, target, type, options, writable);
  } catch (error) {
    const reason =
      error instanceof HyperfileError ? String(error.data.output ?? error.message) : String(error);
    throw new HyperfileError('DRIVER_MOUNT_FAILED', { data: { disk: device, reason }, cause: error });
  }
}

/** A disk that was in use when it was copied needs its journal once, to become consistent. */
async function mountOnce(
  device: string,
  target: string,
  type: string,
  options: string,
  writable: boolean,
): Promise<void> {
  try {
    await mount(device, target, type, options);
  } catch (error) {
    if (type !== 'ext4' || !writable) throw error;
    await mount(device, target, type, 'rw,noatime');
    await runQuickly('umount', ['--', target]);
    await mount(device, target, type, options);
  }
}

/** Writes back what is pending and lets nobody write (`ro`), or allows it again (`rw`). */
export async function remount(target: string, mode: 'ro' | 'rw'): Promise<void> {
  await runQuickly('mount', ['-o', `remount,${mode}`, target]);
}

/**
 * Tells the disk which parts of an unmounted file system are free. The kernel refuses that on a mount without a journal,
 * so this is one of its own: read-only, and therefore without a trace. A disk that cannot is left as it is.
 */
export async function trimGuest(device: string, target: string, type: string): Promise<void> {
  await mount(device, target, type, 'ro,noatime');
  try {
    await runQuickly('fstrim', [target]).catch(() => undefined);
  } finally {
    await runQuickly('umount', ['--', target]);
  }
}
