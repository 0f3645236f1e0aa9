/**
 * Paths of a tree that follows the rules of Windows, resolved inside it: the counterpart of inside.ts. The tree is a
 * guest's system volume, mounted as a folder, or a folder of a Windows host. The system never follows a link of it:
 * links are read, and their targets looked up from the tree's root.
 */
import { lstatSync, type Stats } from 'node:fs';
import path from 'node:path';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { Trace } from '../inside.ts';
import type { TreeReader } from '../source-tree.ts';
import { guarded } from '../system-error.ts';
import type { XattrsByPath } from '../xattrs.ts';
import { Folders } from './folders.ts';
import { fromWindowsPath, SYSTEM_DRIVE, toWindowsPath } from './guest-path.ts';
import { parseLinkTarget, withoutDotDot, type LinkTarget } from './link-target.ts';
import { checkWindowsName, foldName } from './names.ts';
import { readReparsePoint } from './reparse-point.ts';

export interface WindowsReaderOptions {
  /** What errors call the tree. */
  readonly label: string;
  /** A guest's volume; else a folder of this host, whose mounted volumes and placeholders this host can read. */
  readonly isGuest: boolean;
  /** What absolute links call the root. Default: `C:\\` in a guest, else the folder's own path. */
  readonly ownPath?: string;
}

/** Windows allows 63 reparse points in a path; 40 is what a Linux guest has. */
const MOST_LINKS = 40;

/** Windows has no modes; Docker gives this one to all files that come from there. */
const MODE_FROM_WINDOWS = 0o755;

export class WindowsReader implements TreeReader {
  /** With the prefix that lets paths be longer than 260 characters. */
  readonly rootPath: string;
  /** Wildcards in a context match the same files on every host. */
  readonly ignoresCase: boolean;
  readonly fileMode = MODE_FROM_WINDOWS;
  readonly folders = new Folders();
  readonly #label: string;
  readonly #isGuest: boolean;
  readonly #ownPath: LinkTarget;

  constructor(rootPath: string, { label, isGuest, ownPath }: WindowsReaderOptions) {
    this.rootPath = path.toNamespacedPath(path.resolve(rootPath));
    this.#label = label;
    this.#isGuest = isGuest;
    this.ignoresCase = isGuest;
    this.#ownPath = parseLinkTarget(ownPath ?? (isGuest ? SYSTEM_DRIVE : this.rootPath));
  }

  sourceOf(written: string): string {
    return this.#isGuest ? fromWindowsPath(written, this.#label) : written;
  }

  /**
   * @throws HyperfileError FS_LINK_LOOP, FS_LINK_OUTSIDE, FS_REPARSE_POINT, FS_NOT_A_DIRECTORY, FS_NAME_INVALID
   */
  trace(guestPath: string, followLast = true): Trace {
    const start = withoutDotDot(guestPath.split('/').filter((name) => name !== '' && name !== '.'));
    const pending = start.names.reverse();
    let names: string[] = [];
    let stat: Stats | undefined = this.lookAt(this.rootPath);
    let wentAbove = start.wentAbove ? guestPath : undefined;
    let absoluteLink: string | undefined;
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      checkWindowsName(name, name);
      const listed = stat && this.folders.find(this.#hostPath(names), name);
      names.push(listed?.name ?? name);
      stat = listed && this.lookAt(this.#hostPath(names));
      if (stat?.isSymbolicLink() && (followLast || pending.length > 0)) {
        if (++links > MOST_LINKS) throw new HyperfileError('FS_LINK_LOOP', { data: { path: guestPath } });
        const target = this.#follow(names);
        if (target.wentAbove) wentAbove ??= guestPath;
        absoluteLink ??= target.absolute;
        // What the link's directory is called has no links any more: looking it up again leads there again.
        pending.push(...target.names.reverse());
        names = [];
        stat = this.lookAt(this.rootPath);
      } else if (stat && !stat.isDirectory() && !stat.isSymbolicLink() && pending.length > 0) {
        throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: this.show(names) } });
      }
    }
    return { hostPath: this.#hostPath(names), names, stat, wentAbove, absoluteLink };
  }

  names(hostPath: string): string[] {
    return this.folders.names(hostPath);
  }

  join(directory: string, name: string): string {
    return directory.endsWith(path.sep) ? directory + name : directory + path.sep + name;
  }

  /** @throws HyperfileError FS_REPARSE_POINT for a directory that is somewhere else, such as another volume */
  lookAt(hostPath: string): Stats | undefined {
    const stat = lstatSync(hostPath, { throwIfNoEntry: false });
    if (this.#isGuest && stat?.isDirectory() && this.#isReparsePoint(hostPath))
      throw this.#reparsePoint(hostPath);
    return stat;
  }

  readLink(hostPath: string): string {
    const text = this.#linkText(hostPath);
    const target = parseLinkTarget(text);
    if (target.from !== 'drive') return text.replaceAll('\\', '/');
    const inside = this.#namesOnDrive(target.drive, target.names);
    return inside ? '/' + inside.join('/') : [target.drive, ...target.names].join('/');
  }

  /** What a mount of NTFS has of them is not the files'. */
  xattrsOf(): XattrsByPath {
    return new Map();
  }

  /** Whether a link in `directory` would lead to a directory of the tree. */
  isDirectory(directory: readonly string[], target: string): boolean {
    try {
      const names = this.#namesOf(directory, parseLinkTarget(target));
      return names !== undefined && this.trace(names.names.join('/')).stat?.isDirectory() === true;
    } catch (error) {
      if (isHyperfileError(error)) return false;
      throw error;
    }
  }

  /** The tree's name of a host path below its root. */
  pathOf(hostPath: string): string {
    return this.show(this.namesOf(hostPath));
  }

  namesOf(hostPath: string): string[] {
    return hostPath
      .slice(this.rootPath.length)
      .split(path.sep)
      .filter((name) => name !== '');
  }

  show(names: readonly string[]): string {
    return this.#isGuest ? toWindowsPath(names) : names.join('/');
  }

  /** Names from the root that a link leads to. */
  #follow(names: readonly string[]): { names: string[]; wentAbove: boolean; absolute: string | undefined } {
    const hostPath = this.#hostPath(names);
    const text = this.#linkText(hostPath);
    const target = parseLinkTarget(text);
    const found = this.#namesOf(names.slice(0, -1), target);
    if (found) return { ...found, absolute: target.from === 'here' ? undefined : text };
    const data = { path: this.show(names), target: text, tree: this.#label };
    throw new HyperfileError('FS_LINK_OUTSIDE', { data });
  }

  /** Names from the root; undefined when that is not in the tree. */
  #namesOf(directory: readonly string[], target: LinkTarget): ReturnType<typeof withoutDotDot> | undefined {
    if (target.from === 'here') return withoutDotDot([...directory, ...target.names]);
    if (target.from === 'root') return withoutDotDot(target.names);
    const names = target.from === 'drive' ? this.#namesOnDrive(target.drive, target.names) : undefined;
    return names && withoutDotDot(names);
  }

  /** Undefined when that is not in the tree. */
  #namesOnDrive(drive: string, names: readonly string[]): readonly string[] | undefined {
    const root = this.#ownPath;
    if (root.from !== 'drive' || foldName(root.drive) !== foldName(drive)) return undefined;
    const { names: clean } = withoutDotDot(names);
    const isBelow = root.names.every((name, at) => foldName(name) === foldName(clean[at] ?? ''));
    return isBelow ? clean.slice(root.names.length) : undefined;
  }

  #linkText(hostPath: string): string {
    const point = guarded('reading the link', this.pathOf(hostPath), () => readReparsePoint(hostPath));
    if (point.kind === 'other') throw this.#reparsePoint(hostPath, point.tag);
    return point.text;
  }

  #isReparsePoint(hostPath: string): boolean {
    if (hostPath === this.rootPath) return false;
    const directory = path.dirname(hostPath);
    const isListed = (): boolean =>
      this.folders.find(directory, path.basename(hostPath))?.isReparsePoint ?? false;
    if (!isListed()) return false;
    // A directory may have taken the place of a link since.
    this.folders.forget(directory);
    return isListed();
  }

  #reparsePoint(hostPath: string, tag = 'not a link'): HyperfileError {
    return new HyperfileError('FS_REPARSE_POINT', { data: { path: this.pathOf(hostPath), tag } });
  }

  #hostPath(names: readonly string[]): string {
    return names.reduce((directory, name) => this.join(directory, name), this.rootPath);
  }
}
