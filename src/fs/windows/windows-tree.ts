/** A Windows guest's files, where its system volume is mounted: no owners and modes, names however they are spelled. */
import {
  closeSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { HyperfileError, systemCode } from '../../base/error.ts';
import type { Attributes } from '../attributes.ts';
import type { GuestTree } from '../guest-tree.ts';
import type { Trace } from '../inside.ts';
import type { SpecialFile } from '../special-files.ts';
import { guarded } from '../system-error.ts';
import { toWindowsPath } from './guest-path.ts';
import { parseLinkTarget } from './link-target.ts';
import { checkWindowsName, foldName } from './names.ts';
import type { WindowsReader } from './windows-reader.ts';

type MakeLink = (target: string, hostPath: string, type: 'dir' | 'file') => void;

interface MadeLink {
  readonly target: string;
  readonly type: 'dir' | 'file';
  readonly seconds: number;
}

/** NTFS counts from 1601; Windows shows nothing after 9999. Seconds since 1970. */
const [EARLIEST, LATEST] = [-11_644_473_600, 253_402_300_799];
/** What the codes of too many names, or of a file system without hard links, are. */
const NO_MORE_NAMES = ['EMLINK', 'UNKNOWN', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'];

/** The view of one step: it remembers what the step has made. */
export class WindowsTree implements GuestTree {
  readonly keepsXattrs = false;
  readonly #reader: WindowsReader;
  readonly #makeLink: MakeLink;
  /** How the step spells the names that it makes, by what Windows takes for the same. */
  readonly #spelled = new Map<string, string>();
  readonly #links = new Map<string, MadeLink>();

  constructor(reader: WindowsReader, makeLink: MakeLink = symlinkSync) {
    this.#reader = reader;
    this.#makeLink = makeLink;
  }

  trace(guestPath: string, followLast = true): Trace {
    return this.#reader.trace(guestPath, followLast);
  }

  traceFrom(hostPath: string, followLast = true): Trace {
    return this.#reader.trace(this.#reader.namesOf(hostPath).join('/'), followLast);
  }

  makeDirectories(guestPath: string): string {
    const trace = this.#reader.trace(guestPath);
    if (trace.stat) {
      if (trace.stat.isDirectory()) return trace.hostPath;
      throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: this.#reader.show(trace.names) } });
    }
    let made = this.#reader.rootPath;
    for (const name of trace.names) {
      made = this.#reader.join(made, name);
      if (this.lookAt(made)) continue;
      guarded('making the directory', this.guestPathOf(made), () => mkdirSync(made));
    }
    return trace.hostPath;
  }

  /** @throws HyperfileError FS_NAME_INVALID, FS_NAMES_CLASH */
  child(directory: string, name: string): string {
    const shown = `${this.guestPathOf(directory).replace(/\\$/, '')}\\${name}`;
    checkWindowsName(name, shown);
    this.#claim(`${foldName(directory)}\0${foldName(name)}`, shown);
    return this.#reader.join(directory, this.#reader.folders.find(directory, name)?.name ?? name);
  }

  guestPathOf(hostPath: string): string {
    return this.#reader.pathOf(hostPath);
  }

  lookAt(hostPath: string): Stats | undefined {
    return this.#reader.lookAt(hostPath);
  }

  finishFile(file: number, { modifiedSeconds }: Attributes): void {
    const seconds = ntfsTime(modifiedSeconds);
    try {
      futimesSync(file, seconds, seconds);
    } finally {
      closeSync(file);
    }
  }

  finishNode(hostPath: string, { modifiedSeconds }: Attributes): void {
    const seconds = ntfsTime(modifiedSeconds);
    utimesSync(hostPath, seconds, seconds);
  }

  makeSymlink(target: string, hostPath: string, { modifiedSeconds }: Attributes): void {
    const link = { target: this.#nativeTarget(target, hostPath), seconds: ntfsTime(modifiedSeconds) };
    this.#link(hostPath, { ...link, type: this.#typeOf(hostPath, target) });
  }

  remove(hostPath: string): void {
    this.#links.delete(hostPath);
    unlinkSync(hostPath);
  }

  makeHardLink(first: string, hostPath: string): boolean {
    try {
      linkSync(first, hostPath);
      return true;
    } catch (error) {
      if (NO_MORE_NAMES.includes(systemCode(error) ?? '')) return false;
      throw error;
    }
  }

  /** @throws HyperfileError FS_NAME_INVALID, FS_NAMES_CLASH */
  checkNames(names: readonly string[]): void {
    for (const [depth, name] of names.entries()) {
      const shown = names.slice(0, depth + 1).join('\\');
      checkWindowsName(name, shown);
      this.#claim(foldName(shown), shown);
    }
  }

  /** @throws HyperfileError FS_NOT_ON_WINDOWS */
  refuseSpecial(kind: SpecialFile['kind'], hostPath: string): void {
    const what = `${this.guestPathOf(hostPath)}, a ${kind.replace('-', ' ')},`;
    throw new HyperfileError('FS_NOT_ON_WINDOWS', { data: { what } });
  }

  /** Windows tells links to directories from those to files: what came after a link may show that it was one. */
  finish(): void {
    for (const [hostPath, link] of this.#links) {
      if (this.lookAt(hostPath)?.isSymbolicLink() !== true) continue;
      const type = this.#typeOf(hostPath, link.target);
      if (type === link.type) continue;
      unlinkSync(hostPath);
      this.#link(hostPath, { ...link, type });
    }
  }

  /** @throws HyperfileError FS_NAMES_CLASH */
  #claim(key: string, spelled: string): void {
    const first = this.#spelled.get(key);
    if (first === undefined) this.#spelled.set(key, spelled);
    else if (first !== spelled) {
      throw new HyperfileError('FS_NAMES_CLASH', { data: { first, second: spelled } });
    }
  }

  #link(hostPath: string, link: MadeLink): void {
    try {
      this.#makeLink(link.target, hostPath, link.type);
    } catch (error) {
      if (systemCode(error) !== 'EPERM') throw error;
      const data = { path: this.guestPathOf(hostPath) };
      throw new HyperfileError('FS_NO_SYMLINKS', { data, cause: error });
    }
    this.#links.set(hostPath, link);
    lutimesSync(hostPath, link.seconds, link.seconds);
  }

  /** @throws HyperfileError FS_NAME_INVALID */
  #nativeTarget(target: string, hostPath: string): string {
    const shown = `${this.guestPathOf(hostPath)} -> ${target}`;
    const parsed = parseLinkTarget(target);
    // A share or a volume: the guest's own business, nothing here follows it.
    if (parsed.from === 'elsewhere' && /^\/[/?]/.test(target)) return target.replaceAll('/', '\\');
    for (const name of target.replace(/^[A-Za-z]:\//, '/').split('/'))
      if (!['', '.', '..'].includes(name)) checkWindowsName(name, shown);
    if (parsed.from === 'here') return parsed.names.join('\\') || '.';
    const names = parsed.from === 'elsewhere' ? [] : parsed.names;
    return parsed.from === 'drive' ? [parsed.drive, ...names].join('\\') : toWindowsPath(names);
  }

  #typeOf(hostPath: string, target: string): 'dir' | 'file' {
    const directory = this.#reader.namesOf(path.dirname(hostPath));
    return this.#reader.isDirectory(directory, target) ? 'dir' : 'file';
  }
}

function ntfsTime(seconds: number): number {
  return Math.min(Math.max(seconds, EARLIEST), LATEST);
}
