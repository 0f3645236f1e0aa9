/** What file steps need of the guest that they write to; the steps themselves are the same for every system. */
import type { Stats } from 'node:fs';
import type { Attributes } from './attributes.ts';
import type { Owner } from './guest-files.ts';
import type { Trace } from './inside.ts';
import type { SpecialFile } from './special-files.ts';

/** One file step's view of a guest, whose root is mounted on the host. Paths inside the guest have `/` here. */
export interface GuestTree {
  /** False: files have no extended attributes. */
  readonly keepsXattrs: boolean;
  /** See {@link ./inside.ts}. */
  trace(guestPath: string, followLast?: boolean): Trace;
  /** The same for a path that is given by its host path. */
  traceFrom(hostPath: string, followLast?: boolean): Trace;
  /** Makes a directory and its missing parents; what exists stays as it is. Returns its host path. */
  makeDirectories(guestPath: string, mode: number, owner: Owner | undefined): string;
  /** The host path of a name that something gets in a directory, which is given by its host path. */
  child(directory: string, name: string): string;
  /** The guest's name of a host path below its root. */
  guestPathOf(hostPath: string): string;
  /** The stat of what lies there, links not followed; undefined: nothing. */
  lookAt(hostPath: string): Stats | undefined;
  /** For a file still open; closes it. */
  finishFile(file: number, attributes: Attributes): void;
  /** For directories, pipes and devices; a directory's time is set again when everything is in it. */
  finishNode(hostPath: string, attributes: Attributes): void;
  /** `target`: with `/`, absolute from the guest's root. */
  makeSymlink(target: string, hostPath: string, attributes: Attributes): void;
  /** Removes one file or link. */
  remove(hostPath: string): void;
  /** False where the file system takes no more names of this file. */
  makeHardLink(first: string, hostPath: string): boolean;
  /** Throws for a name, from an archive's root on, that the guest cannot have. */
  checkNames?(names: readonly string[]): void;
  /** Throws where the guest has no such files. */
  refuseSpecial?(kind: SpecialFile['kind'], hostPath: string): void;
  /** The last of the step's files is made; times of directories come afterwards. */
  finish?(): void;
}
