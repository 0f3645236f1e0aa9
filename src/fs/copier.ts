/** Copies files and directory trees into a guest, as COPY does: merged, replaced, links kept as links. */
import { lstatSync, mkdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import type { Attributes } from './attributes.ts';
import { copyContent, openNew } from './file-content.ts';
import type { Owner } from './guest-files.ts';
import type { GuestTree } from './guest-tree.ts';
import { fileIdentity } from './file-identity.ts';
import type { FileStat } from './file-stat.ts';
import type { ModeChange } from './mode-change.ts';
import { Pace } from './pace.ts';
import { bytesIn, modeIn, readLinkIn, xattrsIn } from './read-source.ts';
import type { SourceTree } from './source-tree.ts';
import type { Source } from './sources.ts';
import { deviceNumbers, SpecialFiles } from './special-files.ts';
import { asFsError } from './system-error.ts';
import { walkSource, type TreeEntry } from './walk.ts';
import { writeXattrs } from './xattrs.ts';

export interface CopierOptions {
  readonly owner: Owner | undefined;
  readonly changeMode: ModeChange | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One COPY: hard links between its files are kept. Call {@link finish} when everything is copied. */
export class Copier {
  readonly #guest: GuestTree;
  readonly #tree: SourceTree;
  readonly #options: CopierOptions;
  readonly #pace: Pace;
  readonly #special = new SpecialFiles();
  /** First copies of files with several names, by device and inode. */
  readonly #firstCopies = new Map<string, { readonly hostPath: string; readonly identity: string }>();
  /** Source to target, for their extended attributes. */
  readonly #copied: [from: string, to: string][] = [];
  /** Directories' times change as they fill. */
  readonly #directoryTimes: [hostPath: string, stat: FileStat][] = [];

  constructor(guest: GuestTree, tree: SourceTree, options: CopierOptions) {
    this.#guest = guest;
    this.#tree = tree;
    this.#options = options;
    this.#pace = new Pace(options.signal);
  }

  /** Copies one file that is not a directory to a host path below the root, replacing what is not one either. */
  async copyFile(source: Source, target: string): Promise<void> {
    await this.#copyEntry(
      { relativePath: source.baseName, hostPath: source.hostPath, stat: source.stat },
      target,
    );
  }

  /** Copies what a directory holds into an existing directory; that one takes only the source's times. */
  async copyContents(source: Source, target: string): Promise<void> {
    const targets = new Map([['', target]]);
    this.#directoryTimes.push([target, source.stat]);
    for (const entry of walkSource(this.#tree, source)) {
      const { dir, base } = path.posix.parse(entry.relativePath);
      const parent = targets.get(dir) ?? target;
      const entryTarget = this.#guest.child(parent, base);
      if (entry.stat.isDirectory()) targets.set(entry.relativePath, this.#makeDirectory(entry, entryTarget));
      else await this.#copyEntry(entry, entryTarget);
      if (this.#pace.due()) await this.#pace.rest();
    }
  }

  async finish(): Promise<void> {
    await this.#special.make();
    await this.#copyXattrs();
    this.#guest.finish?.();
    for (const [hostPath, { mtimeMs }] of this.#directoryTimes.reverse()) {
      utimesSync(hostPath, mtimeMs / 1000, mtimeMs / 1000);
    }
  }

  /** An existing directory, also one that a link inside the guest leads to, takes the source's mode and owner. */
  #makeDirectory(entry: TreeEntry, target: string): string {
    return this.#guarded(target, () => {
      const resolved = this.#guest.lookAt(target)?.isSymbolicLink()
        ? this.#guest.traceFrom(target).hostPath
        : target;
      const there = this.#guest.lookAt(resolved);
      if (there && !there.isDirectory())
        throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: this.#guest.guestPathOf(target) } });
      if (!there) mkdirSync(resolved);
      this.#guest.finishNode(resolved, this.#attributes(entry.stat));
      this.#directoryTimes.push([resolved, entry.stat]);
      this.#copied.push([entry.hostPath, resolved]);
      return resolved;
    });
  }

  async #copyEntry(entry: TreeEntry, target: string): Promise<void> {
    const { hostPath, stat } = entry;
    this.#guarded(target, () => this.#clear(target));
    if (stat.isFile()) {
      if (this.#guarded(target, () => this.#linkToFirst(hostPath, stat, target))) return;
      await this.#copyRegular(hostPath, stat, target);
    } else if (stat.isSymbolicLink()) {
      this.#guarded(target, () => {
        this.#guest.makeSymlink(readLinkIn(this.#tree, hostPath), target, this.#attributes(stat));
      });
    } else {
      this.#addSpecial(stat, target);
    }
    this.#copied.push([hostPath, target]);
  }

  async #copyRegular(hostPath: string, stat: FileStat, target: string): Promise<void> {
    try {
      const file = openNew(target);
      try {
        await copyContent(bytesIn(this.#tree, hostPath), stat, file, this.#pace);
      } finally {
        this.#guest.finishFile(file, this.#attributes(stat));
      }
      if (stat.nlink > 1) {
        const identity = fileIdentity(lstatSync(target), target);
        this.#firstCopies.set(fileIdentity(stat, hostPath), { hostPath: target, identity });
      }
    } catch (error) {
      throw asFsError(error, 'copying', this.#guest.guestPathOf(target));
    }
  }

  /** False when no copy of this file lies in the guest yet, or a later source has replaced it. */
  #linkToFirst(hostPath: string, stat: FileStat, target: string): boolean {
    const first = stat.nlink > 1 ? this.#firstCopies.get(fileIdentity(stat, hostPath)) : undefined;
    const there = first && lstatSync(first.hostPath, { throwIfNoEntry: false });
    if (!first || !there || fileIdentity(there, first.hostPath) !== first.identity) return false;
    return this.#guest.makeHardLink(first.hostPath, target);
  }

  #addSpecial(stat: FileStat, target: string): void {
    const kind = stat.isFIFO() ? 'pipe' : stat.isBlockDevice() ? 'block-device' : 'character-device';
    this.#guest.refuseSpecial?.(kind, target);
    this.#special.add(target, { kind, ...deviceNumbers(stat.rdev), attributes: this.#attributes(stat) });
  }

  /** Makes room for a file: only a directory may not be replaced. */
  #clear(target: string): void {
    this.#special.forget(target);
    const there = this.#guest.lookAt(target);
    if (!there) return;
    if (there.isDirectory()) {
      throw new HyperfileError('FS_IS_A_DIRECTORY', { data: { path: this.#guest.guestPathOf(target) } });
    }
    this.#guest.remove(target);
  }

  #attributes(stat: FileStat): Attributes {
    const { owner, changeMode } = this.#options;
    const mode = modeIn(this.#tree, stat);
    const kept = this.#tree.keepOwners ? { uid: stat.uid, gid: stat.gid } : { uid: 0, gid: 0 };
    return {
      ...(owner ?? kept),
      mode: changeMode ? changeMode(mode, stat.isDirectory()) : mode,
      modifiedSeconds: stat.mtimeMs / 1000,
    };
  }

  async #copyXattrs(): Promise<void> {
    if (!this.#guest.keepsXattrs) return;
    const from = this.#copied.map(([hostPath]) => hostPath);
    const found = await xattrsIn(this.#tree, from);
    if (found.size === 0) return;
    await writeXattrs(new Map(this.#copied.map(([hostPath, to]) => [to, found.get(hostPath) ?? []])));
  }

  #guarded<T>(target: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw asFsError(error, 'copying', this.#guest.guestPathOf(target));
    }
  }
}
