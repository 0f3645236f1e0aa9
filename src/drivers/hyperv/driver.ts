/** Guests on a Hyper-V host: file steps on the mounted disk, commands in a throw-away machine, all through PowerShell. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import { isOnWindows } from '../../base/host-platform.ts';
import { openSession, type Session, type StaleSession } from '../../base/session.ts';
import { guestOsOf } from '../../oci/image.ts';
import { createChild } from '../../vhdx/create.ts';
import type {
  CreateRequest,
  Driver,
  Finding,
  InstallRequest,
  OpenRequest,
  RootPartition,
  Sandbox,
} from '../driver.ts';
import { findSystem } from './find-system.ts';
import { findingsOf } from './findings.ts';
import type { AskAccess } from './guest/guest.ts';
import { HyperVHost } from './host.ts';
import { dismountLeftMedium } from './install/media.ts';
import { InstallOperations } from './install/operations.ts';
import { cleanLeftovers, SESSION_MARKER } from './leftovers.ts';
import { chooseSwitch } from './machine-spec.ts';
import { parseHyperVOptions, type HyperVOptions } from './options.ts';
import { takeOwnIdentity } from './own-identity.ts';
import { unlessHeld, whenReleased } from './released.ts';
import { HyperVSandbox } from './sandbox.ts';
import { PowerShellSession } from './session/session.ts';

export interface HyperVDriverOptions {
  /** Absolute: the store's folder; sessions live in `run` below it. */
  readonly stateFolder: string;
  /** As `--driver-opt` gives them. */
  readonly options?: Readonly<Record<string, string>>;
  /** How to get into guests; called when one is first booted, and when a command first runs as another account. */
  readonly guestAccess?: AskAccess;
  /** Default: {@link openPowerShell}. It is closed with the driver. */
  readonly powershell?: PowerShellSession;
}

export class HyperVDriver implements Driver {
  readonly name = 'hyperv';
  readonly #stateFolder: string;
  readonly #options: HyperVOptions;
  readonly #access: AskAccess;
  readonly #powershell: PowerShellSession;
  readonly #host: HyperVHost;
  readonly #sandboxes = new Set<Sandbox>();
  #session: Session | undefined;
  #switchId: Promise<string | undefined> | undefined;
  #opened = 0;

  /** @throws HyperfileError DRIVER_OPTION */
  constructor({ stateFolder, options, guestAccess, powershell }: HyperVDriverOptions) {
    this.#stateFolder = stateFolder;
    this.#options = parseHyperVOptions(options);
    this.#access = guestAccess ?? noCredentials;
    // PowerShell itself starts with the first call.
    this.#powershell = powershell ?? openPowerShell();
    this.#host = new HyperVHost(this.#powershell, markOf(stateFolder));
  }

  async probe(): Promise<readonly Finding[]> {
    return findingsOf(await this.#host.facts(layersOf(this.#stateFolder)));
  }

  async open(request: OpenRequest): Promise<Sandbox> {
    const { chain, sandboxPath, machine, onStatus, signal } = request;
    const root = request.root ?? (await this.findRoot(chain, signal));
    if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const sandbox = await HyperVSandbox.open({
      host: this.#host,
      session: this.#started(),
      chain,
      root,
      folder: this.#newFolder(),
      sandboxPath,
      machine,
      options: this.#options,
      access: this.#access,
      switchId: () => this.#chosenSwitch(signal),
      onStatus,
      signal,
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  /** Windows formats nothing that a Linux guest could have as its root, and a Windows guest begins with {@link install}. */
  create(_request: CreateRequest): Promise<RootPartition> {
    const what = 'an empty disk for a Linux guest';
    return Promise.reject(new HyperfileError('HYPERV_UNSUPPORTED', { data: { what } }));
  }

  async install(request: InstallRequest): Promise<RootPartition> {
    const { installWindows } = await import('./install/install.ts');
    return installWindows(request, {
      host: this.#host,
      operations: new InstallOperations(this.#powershell),
      session: this.#started(),
      folder: this.#newFolder(),
    });
  }

  /** Reads the disk; only where several volumes could hold Windows, Hyper-V mounts them for a look. */
  async findRoot(chain: readonly string[], signal?: AbortSignal): Promise<RootPartition> {
    const { root, isCertain } = findSystem(chain);
    return isCertain || guestOsOf(root.type) !== 'windows' ? root : this.#lookForWindows(chain, signal);
  }

  /** Its record stays when something could not be removed: the next command tries again. */
  async close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#sandboxes].map((sandbox) => sandbox.close()));
    this.#sandboxes.clear();
    await this.#powershell.close();
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const session = this.#session;
    this.#session = undefined;
    if (session) await whenReleased(() => session.close()).catch(unlessHeld);
  }

  async #lookForWindows(chain: readonly string[], signal: AbortSignal | undefined): Promise<RootPartition> {
    const session = this.#started();
    const folder = this.#newFolder();
    const view = path.join(folder, 'view.vhdx');
    mkdirSync(folder, { mode: 0o700 });
    session.claim(view);
    try {
      createChild(view, chain[0]);
      takeOwnIdentity(view);
      const volume = path.join(folder, 'volume');
      const { offset, sizeBytes, fileSystem } = await this.#host.lookAtDisk(view, volume, signal);
      return { offset, length: sizeBytes, type: fileSystem.toLowerCase() };
    } finally {
      await this.#host.dismountDisk(view);
      session.discard(view);
      rmSync(folder, { recursive: true });
    }
  }

  #chosenSwitch(signal: AbortSignal | undefined): Promise<string | undefined> {
    const wanted = this.#options.switch;
    this.#switchId ??= chooseSwitch(this.#host, {
      store: layersOf(this.#stateFolder),
      ...(wanted !== undefined && { wanted }),
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      this.#switchId = undefined;
      throw error;
    });
    return this.#switchId;
  }

  #newFolder(): string {
    return path.join(this.#started().folder, String(++this.#opened));
  }

  #started(): Session {
    if (this.#session === undefined) {
      this.#session = openSession(this.#stateFolder);
      writeFileSync(path.join(this.#session.folder, SESSION_MARKER), '');
    }
    return this.#session;
  }
}

/** Removes what the sessions of dead processes left on the host: see leftovers.ts. */
export async function cleanStore(stateFolder: string, stale: readonly StaleSession[]): Promise<void> {
  const powershell = openPowerShell();
  try {
    // Before the records of what was mounted go.
    for (const { folder } of stale) await dismountLeftMedium(new InstallOperations(powershell), folder);
    await cleanLeftovers(new HyperVHost(powershell, markOf(stateFolder)), stale);
  } finally {
    await powershell.close();
  }
}

/** Where a store has its disks. */
function layersOf(stateFolder: string): string {
  return path.join(stateFolder, 'layers');
}

/** Of a store, in the names of its machines. */
export function markOf(stateFolder: string): string {
  return createHash('sha256').update(path.resolve(stateFolder)).digest('hex').slice(0, 16);
}

/**
 * The session of a command. A search path for modules is only taken over where there is but one PowerShell that it can
 * be meant for: on Windows it may come from the other one (see session/executable.ts).
 */
export function openPowerShell(): PowerShellSession {
  const { PSModulePath } = process.env;
  const isMeant = !isOnWindows() && PSModulePath !== undefined;
  return new PowerShellSession(isMeant ? { env: { PSModulePath } } : {});
}

function noCredentials(): Promise<never> {
  return Promise.reject(new HyperfileError('HYPERV_NO_CREDENTIALS'));
}
