/** A guest's files, where its root file system is mounted on this host; Windows guests: {@link ./windows/windows-files.ts}. */
import { closeSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { HyperfileError } from '../base/error.ts';
import { openLocalArchive } from './archive.ts';
import type { Attributes } from './attributes.ts';
import { Copier } from './copier.ts';
import { extractTar } from './extract.ts';
import { openNew, writeAll } from './file-content.ts';
import type { CopyRequest, ExtractRequest, GuestFiles, Owner, WriteFileRequest } from './guest-files.ts';
import type { GuestTree } from './guest-tree.ts';
import { DIRECTORY_MODE } from './make-directories.ts';
import { octalMode, parseModeChange } from './mode-change.ts';
import { lookUpOwner } from './owners.ts';
import { refuseAborted } from './pace.ts';
import type { SourceTree } from './source-tree.ts';
import { findSources, type Source } from './sources.ts';
import { asFsError, guarded } from './system-error.ts';
import { UnixTree } from './unix-tree.ts';

export interface MountedFilesOptions {
  /** What errors call this guest: `stage "builder"`. */
  readonly label: string;
  /** Whether copies from it keep their owners; default true. */
  readonly keepOwners?: boolean;
  /** Begins a step in the guest; default: as a Linux guest wants it. */
  readonly openTree?: () => GuestTree;
}

const ROOT: Owner = { uid: 0, gid: 0 };
const FILE_MODE = 0o644;
const PRIVATE_FILE_MODE = 0o600;

export class MountedFiles implements GuestFiles {
  readonly rootPath: string;
  readonly #label: string;
  readonly #keepOwners: boolean;
  readonly #openTree: () => GuestTree;

  /** `rootPath`: absolute, where the guest's root is mounted. */
  constructor(rootPath: string, { label, keepOwners = true, openTree }: MountedFilesOptions) {
    this.rootPath = path.resolve(rootPath);
    const unixTree = new UnixTree(this.rootPath);
    this.#openTree = openTree ?? (() => unixTree);
    this.#label = label;
    this.#keepOwners = keepOwners;
  }

  // Asynchronous by contract: other guests are reached through a wire.
  // eslint-disable-next-line @typescript-eslint/require-await
  async readFile(guestPath: string): Promise<Buffer | undefined> {
    const { hostPath, stat } = this.#openTree().trace(guestPath);
    if (!stat) return undefined;
    if (!stat.isFile()) throw new HyperfileError('FS_NOT_A_FILE', { data: { path: guestPath } });
    return guarded('reading', guestPath, () => readFileSync(hostPath));
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async makeDirectory(guestPath: string, owner?: Owner): Promise<void> {
    this.#openTree().makeDirectories(guestPath, DIRECTORY_MODE, owner ?? ROOT);
  }

  async copy(request: CopyRequest): Promise<void> {
    const { destination } = request;
    refuseAborted(request.signal);
    if (request.sources.length > 1) requireDirectoryName(destination);
    const sources = findSources(request.from, request.sources);
    const tree = this.#openTree();
    if (sources.length > 1 && !isDirectory(tree, destination)) requireDirectoryName(destination);
    const changeMode = request.mode === undefined ? undefined : parseModeChange(request.mode);
    const copier = new Copier(tree, request.from, {
      owner: request.owner,
      changeMode,
      signal: request.signal,
    });
    for (const source of sources) {
      const unpacked = request.unpackArchives === true && (await this.#unpack(tree, source, request));
      if (!unpacked) await this.#copyOne(tree, copier, source, request);
    }
    await copier.finish();
  }

  async writeFile(request: WriteFileRequest): Promise<void> {
    const { destination, content, owner, modifiedSeconds = Date.now() / 1000 } = request;
    const tree = this.#openTree();
    const target = fileTarget(tree, destination, request.name, DIRECTORY_MODE, owner ?? ROOT);
    const guestPath = tree.guestPathOf(target);
    const mode =
      request.mode === undefined ? defaultMode(request) : parseModeChange(request.mode)(FILE_MODE, false);
    const there = tree.lookAt(target);
    if (there?.isDirectory()) throw new HyperfileError('FS_IS_A_DIRECTORY', { data: { path: guestPath } });
    try {
      if (there) tree.remove(target);
      await writeNewFile(tree, target, content, { ...(owner ?? ROOT), mode, modifiedSeconds });
    } catch (error) {
      throw asFsError(error, 'writing', guestPath);
    }
  }

  async extract(tar: Readable, request: ExtractRequest): Promise<void> {
    await this.#extractInto(this.#openTree(), tar, request);
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async asSource(): Promise<SourceTree> {
    return { label: this.#label, rootPath: this.rootPath, keepOwners: this.#keepOwners };
  }

  async resolveOwner(spec: string): Promise<Owner> {
    const read = async (file: string): Promise<string> => (await this.readFile(file))?.toString('utf8') ?? '';
    return lookUpOwner(spec, {
      label: this.#label,
      passwd: () => read('/etc/passwd'),
      group: () => read('/etc/group'),
    });
  }

  async #extractInto(tree: GuestTree, tar: Readable, request: ExtractRequest): Promise<void> {
    refuseAborted(request.signal);
    tree.makeDirectories(request.destination, DIRECTORY_MODE, request.owner ?? ROOT);
    await extractTar(tar, tree, this.rootPath, request);
  }

  async #copyOne(tree: GuestTree, copier: Copier, source: Source, request: CopyRequest): Promise<void> {
    const { destination, owner } = request;
    const directoryMode =
      (request.mode === undefined ? undefined : octalMode(request.mode)) ?? DIRECTORY_MODE;
    const directoryOwner = owner ?? ROOT;
    if (source.stat.isDirectory()) {
      const target = tree.makeDirectories(destination, directoryMode, directoryOwner);
      await copier.copyContents(source, target);
    } else {
      const target = fileTarget(tree, destination, source.baseName, directoryMode, directoryOwner);
      await copier.copyFile(source, target);
    }
  }

  async #unpack(tree: GuestTree, source: Source, request: CopyRequest): Promise<boolean> {
    if (!source.stat.isFile()) return false;
    const tar = await openLocalArchive(source.hostPath, source.asWritten);
    if (!tar) return false;
    await this.#extractInto(tree, tar, {
      destination: request.destination,
      archiveName: source.asWritten,
      ...(request.owner && { owner: request.owner }),
      ...(request.signal && { signal: request.signal }),
    });
    return true;
  }
}

function defaultMode({ forOwnerOnly }: WriteFileRequest): number {
  return forOwnerOnly === true ? PRIVATE_FILE_MODE : FILE_MODE;
}

/** Where a file named `name` goes: into a destination that is or names a directory, else under that very name. */
function fileTarget(
  tree: GuestTree,
  destination: string,
  name: string,
  directoryMode: number,
  owner: Owner,
): string {
  if (namesDirectory(destination) || isDirectory(tree, destination))
    return tree.child(tree.makeDirectories(destination, directoryMode, owner), name);
  // A link in the last place is written through, as long as it stays in the guest.
  const { names } = tree.trace(destination);
  const parent = tree.makeDirectories('/' + names.slice(0, -1).join('/'), directoryMode, owner);
  return tree.child(parent, names.at(-1) ?? name);
}

function isDirectory(tree: GuestTree, guestPath: string): boolean {
  return tree.trace(guestPath).stat?.isDirectory() ?? false;
}

function namesDirectory(destination: string): boolean {
  return destination.endsWith('/') || destination.endsWith('/.');
}

function requireDirectoryName(destination: string): void {
  if (!namesDirectory(destination))
    throw new HyperfileError('FS_DESTINATION_NOT_DIRECTORY', { data: { destination } });
}

async function writeNewFile(
  tree: GuestTree,
  target: string,
  content: Uint8Array | Readable,
  attributes: Attributes,
): Promise<void> {
  const file = openNew(target);
  try {
    let position = 0;
    for await (const piece of content instanceof Uint8Array ? [content] : content) {
      const bytes = piece as Uint8Array;
      writeAll(file, bytes, position);
      position += bytes.length;
    }
  } catch (error) {
    closeSync(file);
    throw error;
  }
  tree.finishFile(file, attributes);
}
