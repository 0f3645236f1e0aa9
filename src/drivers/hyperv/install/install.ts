/** Windows on a new disk, from its installation medium: partitions, image, boot loader, answer file; nothing is started. */
import { claimNew } from '../../../base/claim-new.ts';
import { HyperfileError } from '../../../base/error.ts';
import type { Session } from '../../../base/session.ts';
import {
  unformattedWindowsTable,
  windowsDiskLayout,
  type WindowsDiskLayout,
} from '../../../gpt/windows-disk.ts';
import { writeGpt } from '../../../gpt/write.ts';
import { createDisk } from '../../../vhdx/sandbox.ts';
import type { InstallRequest, RootPartition } from '../../driver.ts';
import type { HyperVHost } from '../host.ts';
import { chooseEdition } from './edition.ts';
import { withMedium } from './media.ts';
import type { Edition, Installation, InstallOperations } from './operations.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** What Windows writes at its first start: page file, logs, its component store. */
const FIRST_START_BYTES = 2 * GIB;
/** The file system's own tables, as a part of the files. */
const TABLES = 1.05;

export interface InstallParts {
  readonly host: HyperVHost;
  readonly operations: InstallOperations;
  readonly session: Session;
  /** Where Windows' volume appears meanwhile; it does not exist yet. */
  readonly folder: string;
}

/**
 * Installs the edition that the request names.
 *
 * @returns where Windows lies
 * @throws HyperfileError FS_DISK_TOO_SMALL, DISK_EXISTS, DISK_FULL, INTERRUPTED, INSTALL_UNATTEND, INSTALL_MEDIUM,
 *   INSTALL_EDITION_UNKNOWN, INSTALL_EDITION_AMBIGUOUS, INSTALL_DISK_SIZE, INSTALL_DISK, INSTALL_IMAGE, INSTALL_BOOT,
 *   and what the session throws; nothing is left then
 */
export async function installWindows(request: InstallRequest, parts: InstallParts): Promise<RootPartition> {
  const { path: diskPath, mediumPath, unattendPath, signal } = request;
  const { operations, session } = parts;
  const layout = windowsDiskLayout(request.sizeBytes);
  const io = signal ? { signal } : {};
  if (unattendPath !== undefined) await operations.checkUnattend(unattendPath, io);
  const place = { sessionFolder: session.folder, ...io };
  claimNew(session, diskPath);
  try {
    await withMedium(operations, mediumPath, place, async (medium) => {
      const edition = chooseEdition(medium.editions, request.edition, mediumPath);
      refuseTooSmall(request.sizeBytes, layout, edition);
      await ontoNewDisk(request, parts, layout, { medium, edition });
    });
    session.release(diskPath);
    return { ...layout.system, type: 'ntfs' };
  } catch (error) {
    session.discard(diskPath);
    throw error;
  }
}

function refuseTooSmall(sizeBytes: number, { system }: WindowsDiskLayout, edition: Edition): void {
  // Next to a small image (the recovery environment, a test's) no more than its own size again.
  const room = Math.min(edition.sizeBytes, FIRST_START_BYTES);
  const systemBytes = edition.sizeBytes * TABLES + room;
  const neededBytes = Math.ceil((systemBytes + sizeBytes - system.length) / MIB) * MIB;
  if (sizeBytes >= neededBytes) return;
  throw new HyperfileError('INSTALL_DISK_SIZE', { data: { sizeBytes, what: edition.name, neededBytes } });
}

async function ontoNewDisk(
  { path: diskPath, sizeBytes, unattendPath, onProgress, signal }: InstallRequest,
  { host, operations, folder }: InstallParts,
  layout: WindowsDiskLayout,
  chosen: Pick<Installation, 'medium' | 'edition'>,
): Promise<void> {
  const disk = createDisk(diskPath, { sizeBytes });
  try {
    writeGpt(disk, unformattedWindowsTable(layout));
    disk.seal();
  } finally {
    disk.close();
  }
  try {
    const installation = {
      ...chosen,
      diskPath,
      efiOffset: layout.efi.offset,
      systemOffset: layout.system.offset,
      folder,
      ...(unattendPath !== undefined && { unattendPath }),
    };
    await operations.install(installation, { onProgress, ...(signal && { signal }) });
  } finally {
    // Also when PowerShell was ended in the middle.
    await host.dismountDisk(diskPath);
  }
}
