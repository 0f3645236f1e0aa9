/**
 * What waits until everything else of an archive is unpacked: pipes, devices and extended attributes, which programs
 * of the host make for many files at once, and the times of directories, which every file made in them changes.
 */
import { lstatSync, utimesSync } from 'node:fs';
import path from 'node:path';
import type { Attributes } from './attributes.ts';
import type { GuestTree } from './guest-tree.ts';
import { SpecialFiles, type SpecialFile } from './special-files.ts';
import { removeXattrs, writeXattrs, type Xattr, type XattrsByPath } from './xattrs.ts';

/** Everything is by host path. */
export class Finishing {
  readonly #guest: GuestTree;
  readonly #special = new SpecialFiles();
  readonly #xattrs: XattrsByPath = new Map();
  /** Files whose own attributes give way. */
  readonly #stripped = new Set<string>();
  readonly #directoryTimes = new Map<string, number>();

  constructor(guest: GuestTree) {
    this.#guest = guest;
  }

  addSpecial(hostPath: string, file: SpecialFile): void {
    this.#guest.refuseSpecial?.(file.kind, hostPath);
    this.#special.add(hostPath, file);
  }

  /** True when `source` is not made yet: the link to it waits too. */
  addLink(hostPath: string, source: string): boolean {
    return this.#special.addLink(hostPath, source);
  }

  setXattrs(hostPath: string, xattrs: readonly Xattr[]): void {
    if (xattrs.length > 0 && this.#guest.keepsXattrs) this.#xattrs.set(hostPath, xattrs);
  }

  /** Takes away the attributes that a file has by now; those of {@link setXattrs} come afterwards. */
  strip(hostPath: string): void {
    this.#stripped.add(hostPath);
  }

  finishDirectory(hostPath: string, attributes: Attributes): void {
    this.#guest.finishNode(hostPath, attributes);
    this.#directoryTimes.set(hostPath, attributes.modifiedSeconds);
  }

  /** Something else takes the name. */
  forget(hostPath: string): void {
    this.#special.forget(hostPath);
    for (const waiting of [this.#xattrs, this.#stripped, this.#directoryTimes]) waiting.delete(hostPath);
  }

  /** A directory is removed with all that is in it. */
  forgetBelow(hostPath: string): void {
    const waiting = [this.#special.paths(), this.#xattrs.keys(), this.#stripped, this.#directoryTimes.keys()];
    for (const one of waiting.flatMap((paths) => [...paths]))
      if (one.startsWith(hostPath + path.sep)) this.forget(one);
  }

  /** @throws HyperfileError TOOL_MISSING, TOOL_FAILED */
  async finish(): Promise<void> {
    await this.#special.make();
    await removeXattrs([...this.#stripped]);
    await writeXattrs(this.#xattrs);
    this.#guest.finish?.();
    for (const [hostPath, seconds] of this.#directoryTimes) {
      if (lstatSync(hostPath, { throwIfNoEntry: false })?.isDirectory())
        utimesSync(hostPath, seconds, seconds);
    }
  }
}
