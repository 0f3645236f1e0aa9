/** Linux guests on a Linux host: chains are mounted through the disk server, commands run in namespaces of the kernel. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { claimNew } from '../../base/claim-new.ts';
import { HyperfileError } from '../../base/error.ts';
import { missingTool } from '../../base/missing-tool.ts';
import { openSession, type Session } from '../../base/session.ts';
import { guestOsOf } from '../../oci/image.ts';
import type { CreateRequest, Driver, Finding, OpenRequest, RootPartition, Sandbox } from '../driver.ts';
import type { Disks } from './disks.ts';
import { GUEST_HOSTNAME, type Launch } from './launch-request.ts';
import type { HostFiles } from './mount-points.ts';
import { hasTool, probeHost } from './probe.ts';
import { parseNamespaceOptions } from './options.ts';
import { chooseRuntime } from './runtime.ts';
import { NamespaceSandbox } from './sandbox.ts';

const UNMOUNT = 'umount';

export interface NamespaceDriverOptions {
  /** Absolute; sessions live in `run` below it. */
  readonly stateFolder: string;
  /** `builtin` (default), `crun` or `runc`. */
  readonly runtime?: string;
  /** As `--driver-opt` gives them: `runtime`. */
  readonly options?: Readonly<Record<string, string>>;
  /** Starts what shows disks to the kernel, in a folder; the disk server unless a test brings another. */
  readonly startDisks?: (folder: string, signal?: AbortSignal) => Promise<Disks>;
}

/** What the sandboxes of one driver share. */
interface Common {
  readonly session: Session;
  readonly disks: Disks;
  readonly hostFiles: HostFiles;
}

export class NamespaceDriver implements Driver {
  readonly name = 'namespace';
  readonly guestSystems = ['linux'] as const;
  readonly #options: NamespaceDriverOptions;
  readonly #launch: Launch;
  readonly #sandboxes = new Set<Sandbox>();
  #common: Promise<Common> | undefined;
  #session: Session | undefined;
  #opened = 0;

  /** @throws HyperfileError DRIVER_OPTION, DRIVER_RUNTIME_UNKNOWN */
  constructor(options: NamespaceDriverOptions) {
    this.#options = options;
    const { runtime } = parseNamespaceOptions(options.options);
    this.#launch = chooseRuntime(options.runtime ?? runtime ?? process.env.HYPERFILE_RUNTIME);
  }

  probe(): Promise<readonly Finding[]> {
    return Promise.resolve(probeHost(this.#options.stateFolder));
  }

  async open(request: OpenRequest): Promise<Sandbox> {
    const { chain, sandboxPath, signal } = request;
    const root = request.root ?? (await this.findRoot(chain, signal));
    if (sandboxPath !== undefined && guestOsOf(root.type) === 'windows')
      throw new HyperfileError('DRIVER_WINDOWS_GUEST');
    const { session, disks, hostFiles } = await this.#start(signal);
    if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const folder = this.#newFolder();
    if (sandboxPath !== undefined) claimNew(session, sandboxPath);
    const partition = { offset: root.offset, length: root.length };
    const disk = await disks
      .attach({ chain, partition, ...(sandboxPath !== undefined && { sandboxPath }) })
      .catch((error: unknown) => {
        if (sandboxPath !== undefined) session.discard(sandboxPath);
        throw error;
      });
    const parts = {
      session,
      disk,
      death: disks.death,
      root,
      folder,
      sandboxPath,
      hostFiles,
      launch: this.#launch,
    };
    const sandbox = await NamespaceSandbox.open(parts);
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  async create(request: CreateRequest): Promise<RootPartition> {
    const { createBase } = await import('./create-base.ts');
    const { session, disks } = await this.#start(request.signal);
    claimNew(session, request.path);
    try {
      return await createBase(request, { disks, folder: this.#newFolder() });
    } finally {
      session.release(request.path);
    }
  }

  async findRoot(chain: readonly string[], signal?: AbortSignal): Promise<RootPartition> {
    const { findRoot } = await import('./find-root.ts');
    const { disks } = await this.#start(signal);
    return findRoot(chain, { disks, folder: this.#newFolder(), signal });
  }

  async close(): Promise<void> {
    const common = await this.#common?.catch(() => undefined);
    const closed = await Promise.allSettled([...this.#sandboxes].map((sandbox) => sandbox.close()));
    this.#sandboxes.clear();
    await common?.disks.close();
    this.#session?.close();
    this.#session = undefined;
    this.#common = undefined;
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  #newFolder(): string {
    return path.join(this.#session!.folder, String(++this.#opened));
  }

  /** Started by the first sandbox, so that a driver that is only asked about itself costs nothing. */
  #start(signal: AbortSignal | undefined): Promise<Common> {
    this.#common ??= this.#startDisks(signal).catch((error: unknown) => {
      this.#common = undefined;
      throw error;
    });
    return this.#common;
  }

  async #startDisks(signal: AbortSignal | undefined): Promise<Common> {
    if (process.getuid?.() !== 0)
      throw new HyperfileError('NOT_ROOT', { data: { action: 'opening a sandbox' } });
    // Any other program may turn out to be missing later, but without this one nothing could be undone.
    if (!hasTool(UNMOUNT)) throw missingTool(UNMOUNT);
    const session = (this.#session ??= openSession(this.#options.stateFolder));
    const startDisks = this.#options.startDisks ?? startDiskServer;
    return {
      session,
      hostFiles: writeHostFiles(session.folder),
      disks: await startDisks(session.folder, signal),
    };
  }
}

async function startDiskServer(folder: string, signal?: AbortSignal): Promise<Disks> {
  const server = await import('../../fuse/client/disk-server.ts');
  return server.startDiskServer({ folder, ...(signal && { signal }) });
}

/** Copies, so that no command can reach the host's own. */
function writeHostFiles(folder: string): HostFiles {
  const resolvConf = path.join(folder, 'resolv.conf');
  const hosts = path.join(folder, 'hosts');
  writeFileSync(resolvConf, readOr('/etc/resolv.conf', ''), { mode: 0o644 });
  writeFileSync(
    hosts,
    `${readOr('/etc/hosts', '127.0.0.1 localhost').trimEnd()}\n127.0.1.1 ${GUEST_HOSTNAME}\n`,
    {
      mode: 0o644,
    },
  );
  return { resolvConf, hosts };
}

function readOr(filePath: string, instead: string): string {
  try {
    return readFileSync(filePath, 'utf8');
  } catch {
    return instead;
  }
}
