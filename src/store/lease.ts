/**
 * A lease says which layers and images a living process uses, so that a prune leaves them alone: one file a process,
 * named after it, one id a line.
 *
 * No lock is needed between the two. A lease first writes an id, then looks whether a prune is under way; a prune
 * first takes its lock, then reads the leases. So at least one of them sees the other: the prune spares the layer, or
 * the lease knows it must wait and look whether the layer is still there.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { diskFullAt } from '../base/atomic-file.ts';
import { systemCode } from '../base/error.ts';
import { lockHolder } from '../base/lock.ts';
import { ownerIsGone, ownerTag } from '../base/owner.ts';
import type { Layout } from './layout.ts';
import { accessError, listIfThere, readIfThere } from './read.ts';

export class Lease {
  readonly #layout: Layout;
  readonly #ids = new Set<string>();
  #file: { readonly fd: number; readonly path: string } | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /**
   * Protects ids from now on. True when a prune is under way that may not know it: wait for its lock, then see whether
   * they are still there.
   *
   * @throws HyperfileError DISK_FULL, STORE_ACCESS
   */
  add(ids: readonly string[]): boolean {
    const fresh = ids.filter((id) => !this.#ids.has(id));
    if (fresh.length === 0) return false;
    try {
      this.#file ??= this.#open();
      writeSync(this.#file.fd, fresh.map((id) => `${id}\n`).join(''));
    } catch (error) {
      throw accessError(this.#layout.leases, diskFullAt(this.#layout.leases, error));
    }
    for (const id of fresh) this.#ids.add(id);
    return lockHolder(this.#layout.pruneLock) !== undefined;
  }

  /** Lets go of everything; the lease can be used again. */
  release(): void {
    this.#ids.clear();
    if (this.#file === undefined) return;
    const { fd, path: filePath } = this.#file;
    this.#file = undefined;
    closeSync(fd);
    try {
      unlinkSync(filePath);
    } catch {
      // What stays behind belongs to no living process and goes with the next prune.
    }
  }

  #open(): { fd: number; path: string } {
    const filePath = path.join(this.#layout.leases, `${ownerTag()}.${randomBytes(4).toString('hex')}`);
    try {
      return { fd: openSync(filePath, 'ax'), path: filePath };
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      mkdirSync(this.#layout.leases, { recursive: true });
      return { fd: openSync(filePath, 'ax'), path: filePath };
    }
  }
}

/** The ids that living processes use, and the lease files of dead ones. */
export function readLeases(layout: Layout): { inUse: Set<string>; dead: string[] } {
  const inUse = new Set<string>();
  const dead: string[] = [];
  for (const name of listIfThere(layout.leases)) {
    const filePath = path.join(layout.leases, name);
    const touchedMs = statSync(filePath, { throwIfNoEntry: false })?.mtimeMs;
    if (touchedMs === undefined) continue;
    if (ownerIsGone(name.slice(0, name.lastIndexOf('.')), touchedMs)) dead.push(filePath);
    else for (const id of readIfThere(filePath)?.split('\n') ?? []) inUse.add(id);
  }
  return { inUse, dead };
}
