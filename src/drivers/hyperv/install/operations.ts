/** The operations of powershell/operations/Install.ps1, typed. Each is one call of the session. */
import type { Listener, Progress } from '../../../base/events.ts';
import type { SessionEvent } from '../session/records.ts';
import type { PowerShellSession } from '../session/session.ts';

/** What is on a mounted medium. */
export interface Medium {
  /** By somebody else, who will dismount it. */
  readonly wasMounted: boolean;
  readonly imagePath: string;
  /** Of all parts of an image that is split. */
  readonly splitPattern: string | null;
  readonly editions: readonly Edition[];
}

export interface Edition {
  /** From 1. */
  readonly index: number;
  readonly name: string;
  /** Of all its files, once they are on a disk. */
  readonly sizeBytes: number;
}

export interface Installation {
  readonly diskPath: string;
  readonly efiOffset: number;
  readonly systemOffset: number;
  /** Where Windows' volume appears meanwhile. */
  readonly folder: string;
  readonly medium: Medium;
  readonly edition: Edition;
  readonly unattendPath?: string;
}

interface CallIo {
  readonly signal?: AbortSignal;
}

/** Reading the tables of an image from a slow share takes its time. */
const MOUNT_MS = 10 * 60_000;
/** Windows is written onto the slowest disk in that time. */
const INSTALL_MS = 4 * 60 * 60_000;

/** Every method throws what the session throws (session/session.ts). */
export class InstallOperations {
  readonly #session: PowerShellSession;

  constructor(session: PowerShellSession) {
    this.#session = session;
  }

  /** @throws HyperfileError INSTALL_UNATTEND */
  async checkUnattend(path: string, io: CallIo): Promise<void> {
    await this.#session.call('Test-HyperfileUnattend', { Path: path }, { isRepeatable: true, ...io });
  }

  /** @throws HyperfileError INSTALL_MEDIUM, INSTALL_IMAGE; it is not mounted then */
  async mountMedium(path: string, io: CallIo): Promise<Medium> {
    const options = { timeoutMs: MOUNT_MS, ...io };
    const [medium] = await this.#session.call('Mount-HyperfileMedium', { Path: path }, options);
    return medium as unknown as Medium;
  }

  /** Once more is no error. */
  async dismountMedium(path: string): Promise<void> {
    const options = { timeoutMs: MOUNT_MS, isRepeatable: true };
    await this.#session.call('Dismount-HyperfileMedium', { Path: path }, options);
  }

  /** @throws HyperfileError INSTALL_DISK, INSTALL_IMAGE, INSTALL_BOOT; the disk is not mounted then */
  async install(
    { diskPath, efiOffset, systemOffset, folder, medium, edition, unattendPath }: Installation,
    { onProgress, ...io }: CallIo & { readonly onProgress: Listener<Progress> },
  ): Promise<void> {
    const parameters = {
      DiskPath: diskPath,
      EfiOffset: efiOffset,
      SystemOffset: systemOffset,
      Folder: folder,
      ImagePath: medium.imagePath,
      SplitPattern: medium.splitPattern ?? undefined,
      Index: edition.index,
      Unattend: unattendPath,
    };
    const onEvent = (event: SessionEvent): void => {
      if (event.kind !== 'progress' || event.percent === undefined) return;
      const done = Math.round((event.percent * edition.sizeBytes) / 100);
      onProgress({ done, total: edition.sizeBytes, unit: 'bytes' });
    };
    await this.#session.call('Install-HyperfileWindows', parameters, {
      timeoutMs: INSTALL_MS,
      onEvent,
      ...io,
    });
  }
}
