/** Unpacks a tar archive into a guest; nothing it names is written outside. */
import { linkSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { HyperfileError, systemCode } from '../base/error.ts';
import { finishFile, finishLink, finishNode, type Attributes } from './attributes.ts';
import { openNew } from './file-content.ts';
import type { ExtractRequest, Owner } from './guest-files.ts';
import { guestPathOf, traceInside } from './inside.ts';
import { DIRECTORY_MODE, makeDirectories } from './make-directories.ts';
import { Pace } from './pace.ts';
import { PieceWriter } from './piece-writer.ts';
import { SpecialFiles } from './special-files.ts';
import { asFsError } from './system-error.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader, type TarHandler } from './tar-reader.ts';
import { belongsToFile, writeXattrs, type XattrsByPath } from './xattrs.ts';

/** How much of the archive is worth a look at the clock; see {@link Pace.due}. */
const PIECE_WEIGHT = 32;

/**
 * Unpacks `tar` below `request.destination`, which exists.
 *
 * @throws HyperfileError FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT, FS_ARCHIVE_OUTSIDE, FS_GUEST_FULL, INTERRUPTED
 */
export async function extractTar(tar: Readable, root: string, request: ExtractRequest): Promise<void> {
  const pace = new Pace(request.signal);
  const writer = new TreeWriter(root, request);
  const reader = new TarReader(request.archiveName, writer);
  try {
    for await (const piece of tar) {
      reader.push(piece as Buffer);
      if (pace.due(PIECE_WEIGHT)) await pace.rest();
    }
    reader.end();
    await writer.finish();
  } catch (error) {
    throw asFsError(error, 'unpacking', request.archiveName);
  } finally {
    writer.abandon();
  }
}

class TreeWriter implements TarHandler {
  readonly #root: string;
  readonly #request: ExtractRequest;
  readonly #special = new SpecialFiles();
  readonly #xattrs: XattrsByPath = new Map();
  /** Archive's name of a directory to its host path, links resolved. */
  #directories = new Map<string, string>();
  #directoryTimes = new Map<string, number>();
  /** Links that this archive made: unlike the guest's own, they give way to a directory of the same name. */
  readonly #ownLinks = new Set<string>();
  #file: PieceWriter | undefined;
  #fileAttributes: Attributes | undefined;
  #filePath = '';

  constructor(root: string, request: ExtractRequest) {
    this.#root = root;
    this.#request = request;
  }

  entry(entry: TarEntry): void {
    const names = this.#namesOf(entry.name, entry.name);
    const base = names.pop();
    if (base === undefined) return this.#ownRoot(entry);
    const target = `${this.#directory(names)}/${base}`;
    try {
      this.#make(entry, target, names, base);
    } catch (error) {
      throw asFsError(error, 'unpacking', guestPathOf(this.#root, target));
    }
    this.#noteXattrs(entry, target);
  }

  data(piece: Buffer): void {
    try {
      this.#file?.write(piece);
    } catch (error) {
      throw asFsError(error, 'unpacking', guestPathOf(this.#root, this.#filePath));
    }
  }

  endEntry(): void {
    if (!this.#file || !this.#fileAttributes) return;
    const file = this.#file;
    this.#file = undefined;
    file.finish();
    finishFile(file.descriptor, this.#fileAttributes);
  }

  async finish(): Promise<void> {
    await this.#special.make();
    await writeXattrs(this.#xattrs);
    for (const [hostPath, seconds] of this.#directoryTimes) {
      if (lstatSync(hostPath, { throwIfNoEntry: false })?.isDirectory())
        utimesSync(hostPath, seconds, seconds);
    }
  }

  /** After an error: closes what is open. */
  abandon(): void {
    this.#file?.abandon();
    this.#file = undefined;
  }

  #make(entry: TarEntry, target: string, names: readonly string[], base: string): void {
    if (entry.kind === 'directory') return this.#makeDirectory(entry, target, [...names, base].join('/'));
    this.#special.forget(target);
    this.#xattrs.delete(target);
    switch (entry.kind) {
      case 'file':
        this.#file = new PieceWriter(
          this.#replacing(target, () => openNew(target)),
          entry,
        );
        this.#fileAttributes = this.#attributes(entry);
        this.#filePath = target;
        return;
      case 'symlink':
        this.#replacing(target, () => symlinkSync(entry.linkName, target));
        this.#ownLinks.add(target);
        return finishLink(target, this.#attributes(entry));
      case 'link':
        return this.#makeHardLink(entry, target);
      default:
        this.#replacing(target, () => refuseExisting(target));
        this.#special.add(target, { ...entry, kind: entry.kind, attributes: this.#attributes(entry) });
    }
  }

  /** A guest's own link to a directory stays (`/lib` of a merged /usr), and what it leads to is filled. */
  #makeDirectory(entry: TarEntry, target: string, archivePath: string): void {
    let hostPath = target;
    try {
      mkdirSync(target);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      const trace = traceInside(this.#root, guestPathOf(this.#root, target), !this.#ownLinks.has(target));
      if (trace.stat?.isDirectory()) hostPath = trace.hostPath;
      else this.#replacing(target, () => mkdirSync(target));
    }
    const attributes = this.#attributes(entry);
    finishNode(hostPath, attributes);
    this.#directories.set(archivePath, hostPath);
    this.#directoryTimes.set(hostPath, attributes.modifiedSeconds);
  }

  #makeHardLink(entry: TarEntry, target: string): void {
    const names = this.#namesOf(entry.linkName, `${entry.name} link to ${entry.linkName}`);
    const base = names.pop();
    const source = base === undefined ? undefined : `${this.#directory(names)}/${base}`;
    if (source === target) return;
    const there = source === undefined ? undefined : lstatSync(source, { throwIfNoEntry: false });
    if (!source || !there || there.isDirectory()) {
      const detail = `the hard link "${entry.name}" leads to "${entry.linkName}", which is no file`;
      throw new HyperfileError('FS_ARCHIVE_CORRUPT', {
        data: { archive: this.#request.archiveName, detail },
      });
    }
    this.#replacing(target, () => linkSync(source, target));
    if (there.isSymbolicLink()) this.#ownLinks.add(target);
  }

  /** Makes something new; when the name is taken, that is removed first: the later entry wins. */
  #replacing<T>(target: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      rmSync(target, { recursive: true });
      this.#ownLinks.delete(target);
      this.#directories.clear();
      return make();
    }
  }

  /** The entry for the destination itself. */
  #ownRoot(entry: TarEntry): void {
    if (entry.kind === 'directory') finishNode(this.#directory([]), this.#attributes(entry));
    if (entry.kind === 'directory') this.#directoryTimes.set(this.#directory([]), entry.modifiedSeconds);
  }

  /** The host path of a directory of the archive, made when the archive has no entry for it. */
  #directory(names: readonly string[]): string {
    const archivePath = names.join('/');
    const known = this.#directories.get(archivePath);
    if (known !== undefined) return known;
    const guestPath = `${this.#request.destination}/${archivePath}`;
    const hostPath = makeDirectories(
      this.#root,
      guestPath,
      DIRECTORY_MODE,
      this.#request.owner ?? { uid: 0, gid: 0 },
    );
    this.#directories.set(archivePath, hostPath);
    return hostPath;
  }

  /** Names below the destination, `.` and leading slashes gone. */
  #namesOf(name: string, shown: string): string[] {
    const names: string[] = [];
    for (const part of name.split('/')) {
      if (part === '' || part === '.') continue;
      if (part !== '..') names.push(part);
      else if (names.pop() === undefined) {
        throw new HyperfileError('FS_ARCHIVE_OUTSIDE', {
          data: { archive: this.#request.archiveName, entry: shown },
        });
      }
    }
    return names;
  }

  #attributes({ uid, gid, mode, modifiedSeconds }: TarEntry): Attributes {
    const owner: Owner = this.#request.owner ?? { uid, gid };
    return { ...owner, mode, modifiedSeconds };
  }

  #noteXattrs(entry: TarEntry, target: string): void {
    const kept = entry.xattrs.filter(({ name }) => belongsToFile(name));
    if (kept.length > 0) this.#xattrs.set(target, kept);
  }
}

/** Pipes and devices are made last; until then nothing may lie in their place. */
function refuseExisting(target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false }))
    throw Object.assign(new Error(target), { code: 'EEXIST' });
}
