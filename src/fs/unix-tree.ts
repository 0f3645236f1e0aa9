/** A Linux guest's files, where its root file system is mounted. */
import { linkSync, lstatSync, symlinkSync, unlinkSync, type Stats } from 'node:fs';
import { finishFile, finishLink, finishNode, type Attributes } from './attributes.ts';
import type { Owner } from './guest-files.ts';
import type { GuestTree } from './guest-tree.ts';
import { guestPathOf, traceInside, type Trace } from './inside.ts';
import { makeDirectories } from './make-directories.ts';

export class UnixTree implements GuestTree {
  readonly keepsXattrs = true;
  readonly finishFile = finishFile;
  readonly finishNode = finishNode;
  readonly #root: string;

  /** `rootPath`: absolute, where the guest's root is mounted. */
  constructor(rootPath: string) {
    this.#root = rootPath;
  }

  trace(guestPath: string, followLast = true): Trace {
    return traceInside(this.#root, guestPath, followLast);
  }

  traceFrom(hostPath: string, followLast = true): Trace {
    return traceInside(this.#root, this.guestPathOf(hostPath), followLast);
  }

  makeDirectories(guestPath: string, mode: number, owner: Owner | undefined): string {
    return makeDirectories(this.#root, guestPath, mode, owner);
  }

  child(directory: string, name: string): string {
    return `${directory}/${name}`;
  }

  guestPathOf(hostPath: string): string {
    return guestPathOf(this.#root, hostPath);
  }

  lookAt(hostPath: string): Stats | undefined {
    return lstatSync(hostPath, { throwIfNoEntry: false });
  }

  makeSymlink(target: string, hostPath: string, attributes: Attributes): void {
    symlinkSync(target, hostPath);
    finishLink(hostPath, attributes);
  }

  remove(hostPath: string): void {
    unlinkSync(hostPath);
  }

  makeHardLink(first: string, hostPath: string): boolean {
    linkSync(first, hostPath);
    return true;
  }
}
