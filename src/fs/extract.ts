/** Unpacks a tar archive into a guest; nothing it names is written outside. */
import { mkdirSync, rmSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import type { Attributes } from './attributes.ts';
import { openNew } from './file-content.ts';
import { Finishing } from './finishing.ts';
import type { ExtractRequest, Owner } from './guest-files.ts';
import type { GuestTree } from './guest-tree.ts';
import { DIRECTORY_MODE } from './make-directories.ts';
import { Pace } from './pace.ts';
import { PieceWriter } from './piece-writer.ts';
import { asFsError } from './system-error.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader, type TarHandler } from './tar-reader.ts';
import { LayerPaths, readWhiteout, type Whiteout } from './whiteouts.ts';
import { belongsToFile } from './xattrs.ts';

/** How much of the archive is worth a look at the clock; see {@link Pace.due}. */
const PIECE_WEIGHT = 32;

/**
 * Unpacks `tar` below `request.destination`, which exists.
 *
 * @throws HyperfileError FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT, FS_ARCHIVE_OUTSIDE, FS_GUEST_FULL, INTERRUPTED
 */
export async function extractTar(
  tar: Readable,
  guest: GuestTree,
  rootPath: string,
  request: ExtractRequest,
): Promise<void> {
  const pace = new Pace(request.signal);
  const writer = new TreeWriter(guest, rootPath, request);
  const reader = new TarReader(request.archiveName, writer);
  try {
    for await (const piece of tar) {
      reader.push(piece as Buffer);
      if (pace.due(PIECE_WEIGHT)) await pace.rest();
    }
    // The layers of container images are known by their digests.
    reader.end({ needsMark: request.whiteouts !== true });
    await writer.finishing.finish();
  } catch (error) {
    throw asFsError(error, 'unpacking', request.archiveName);
  } finally {
    writer.abandon();
  }
}

class TreeWriter implements TarHandler {
  readonly finishing: Finishing;
  readonly #guest: GuestTree;
  readonly #request: ExtractRequest;
  /** Of a layer, which may also take away. */
  readonly #layer: LayerPaths | undefined;
  /** Archive's name of a directory to its host path, links resolved. */
  readonly #directories = new Map<string, string>();
  /** Links that this archive made: unlike the guest's own, they give way to a directory of the same name. */
  readonly #ownLinks = new Set<string>();
  #file: PieceWriter | undefined;
  #fileAttributes: Attributes | undefined;
  #filePath = '';

  constructor(guest: GuestTree, rootPath: string, request: ExtractRequest) {
    this.finishing = new Finishing(guest);
    this.#guest = guest;
    this.#request = request;
    if (request.whiteouts) this.#layer = new LayerPaths(rootPath);
  }

  entry(entry: TarEntry): void {
    const names = this.#namesOf(entry.name, entry.name);
    const whiteout = this.#layer && readWhiteout(names, this.#request.archiveName);
    if (whiteout) return this.#takeAway(whiteout);
    const base = names.pop();
    if (base === undefined) return this.#ownRoot(entry);
    const target = this.#guest.child(this.#directory(names), base);
    try {
      this.#make(entry, target, names, base);
    } catch (error) {
      throw asFsError(error, 'unpacking', this.#guest.guestPathOf(target));
    }
    this.#noteXattrs(entry, target);
    this.#layer?.bring(target);
  }

  data(piece: Buffer): void {
    try {
      this.#file?.write(piece);
    } catch (error) {
      throw asFsError(error, 'unpacking', this.#guest.guestPathOf(this.#filePath));
    }
  }

  endEntry(): void {
    if (!this.#file || !this.#fileAttributes) return;
    const file = this.#file;
    this.#file = undefined;
    file.finish();
    this.#guest.finishFile(file.descriptor, this.#fileAttributes);
  }

  /** After an error: closes what is open. */
  abandon(): void {
    this.#file?.abandon();
    this.#file = undefined;
  }

  #make(entry: TarEntry, target: string, names: readonly string[], base: string): void {
    this.finishing.forget(target);
    if (entry.kind === 'directory') return this.#makeDirectory(entry, target, [...names, base].join('/'));
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
        this.#replacing(target, () =>
          this.#guest.makeSymlink(entry.linkName, target, this.#attributes(entry)),
        );
        this.#ownLinks.add(target);
        return;
      case 'link':
        return this.#makeHardLink(entry, target);
      default:
        this.#replacing(target, () => this.#refuseExisting(target));
        this.finishing.addSpecial(target, {
          ...entry,
          kind: entry.kind,
          attributes: this.#attributes(entry),
        });
    }
  }

  /** A guest's own link to a directory stays (`/lib` of a merged /usr) and is filled; a layer replaces it. */
  #makeDirectory(entry: TarEntry, target: string, archivePath: string): void {
    let hostPath = target;
    try {
      mkdirSync(target);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      const mayFollow = !this.#layer && !this.#ownLinks.has(target);
      const trace = this.#guest.traceFrom(target, mayFollow);
      if (trace.stat?.isDirectory()) hostPath = this.#takenOver(trace.hostPath);
      else this.#replacing(target, () => mkdirSync(target));
    }
    this.finishing.finishDirectory(hostPath, this.#attributes(entry));
    this.#directories.set(archivePath, hostPath);
  }

  /** A directory of a lower layer that this one lists too: no attribute of it is left. */
  #takenOver(hostPath: string): string {
    if (this.#layer) this.finishing.strip(hostPath);
    return hostPath;
  }

  #takeAway({ directory, takes }: Whiteout): void {
    const hostPath = this.#existing(directory);
    if (!this.#layer || takes === 'nothing' || hostPath === undefined) return;
    const kept =
      takes === 'everything' ? this.#layer.empty(hostPath) : this.#layer.remove(`${hostPath}/${takes.name}`);
    const attributes = { uid: 0, gid: 0, mode: DIRECTORY_MODE, modifiedSeconds: Date.now() / 1000 };
    for (const path of kept) this.#guest.finishNode(this.#takenOver(path), attributes);
    this.#directories.clear();
  }

  /** The host path of a directory, if it is there. */
  #existing(names: readonly string[]): string | undefined {
    try {
      const trace = this.#guest.trace(`${this.#request.destination}/${names.join('/')}`);
      return trace.stat?.isDirectory() ? trace.hostPath : undefined;
    } catch (error) {
      if (isHyperfileError(error, 'FS_NOT_A_DIRECTORY', 'FS_LINK_LOOP')) return undefined;
      throw error;
    }
  }

  #makeHardLink(entry: TarEntry, target: string): void {
    const names = this.#namesOf(entry.linkName, `${entry.name} link to ${entry.linkName}`);
    const base = names.pop();
    const source = base === undefined ? undefined : this.#guest.child(this.#directory(names), base);
    if (source === target) return;
    if (source && this.finishing.addLink(target, source))
      return this.#replacing(target, () => this.#refuseExisting(target));
    const there = source === undefined ? undefined : this.#guest.lookAt(source);
    if (!source || !there || there.isDirectory()) {
      const detail = `the hard link "${entry.name}" leads to "${entry.linkName}", which is no file`;
      throw new HyperfileError('FS_ARCHIVE_CORRUPT', {
        data: { archive: this.#request.archiveName, detail },
      });
    }
    this.#replacing(target, () => this.#hardLink(source, target));
    if (there.isSymbolicLink()) this.#ownLinks.add(target);
  }

  #hardLink(source: string, target: string): void {
    if (!this.#guest.makeHardLink(source, target)) throw Object.assign(new Error(target), { code: 'EMLINK' });
  }

  /** Makes something new; when the name is taken, that is removed first: the later entry wins. */
  #replacing<T>(target: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      if (this.#guest.lookAt(target)?.isDirectory()) this.finishing.forgetBelow(target);
      rmSync(target, { recursive: true });
      this.#ownLinks.delete(target);
      this.#directories.clear();
      return make();
    }
  }

  /** Pipes and devices are made last; until then nothing may lie in their place. */
  #refuseExisting(target: string): void {
    if (this.#guest.lookAt(target)) throw Object.assign(new Error(target), { code: 'EEXIST' });
  }

  /** The entry for the destination itself. */
  #ownRoot(entry: TarEntry): void {
    if (entry.kind !== 'directory') return;
    const hostPath = this.#takenOver(this.#directory([]));
    this.finishing.finishDirectory(hostPath, this.#attributes(entry));
    this.#noteXattrs(entry, hostPath);
  }

  /** The host path of a directory of the archive, made when the archive has no entry for it. */
  #directory(names: readonly string[]): string {
    const archivePath = names.join('/');
    const known = this.#directories.get(archivePath);
    if (known !== undefined) return known;
    const guestPath = `${this.#request.destination}/${archivePath}`;
    const hostPath = this.#guest.makeDirectories(
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
    this.#guest.checkNames?.(names);
    return names;
  }

  #attributes({ uid, gid, mode, modifiedSeconds }: TarEntry): Attributes {
    const owner: Owner = this.#request.owner ?? { uid, gid };
    return { ...owner, mode, modifiedSeconds };
  }

  #noteXattrs(entry: TarEntry, target: string): void {
    this.finishing.setXattrs(
      target,
      entry.xattrs.filter(({ name }) => belongsToFile(name)),
    );
  }
}
