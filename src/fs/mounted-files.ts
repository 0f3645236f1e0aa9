/** A guest's files, where its root file system is mounted on this host. */
import { closeSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { HyperfileError } from '../base/error.ts';
import { openLocalArchive } from './archive.ts';
import { finishFile } from './attributes.ts';
import { Copier } from './copier.ts';
import { extractTar } from './extract.ts';
import { openNew, writeAll } from './file-content.ts';
import type { CopyRequest, ExtractRequest, GuestFiles, Owner, WriteFileRequest } from './guest-files.ts';
import { guestPathOf, traceInside } from './inside.ts';
import { DIRECTORY_MODE, makeDirectories } from './make-directories.ts';
import { octalMode, parseModeChange } from './mode-change.ts';
import { lookUpOwner } from './owners.ts';
import { refuseAborted } from './pace.ts';
import type { SourceTree } from './source-tree.ts';
import { findSources, type Source } from './sources.ts';
import { asFsError, guarded } from './system-error.ts';

export interface MountedFilesOptions {
  /** What errors call this guest: `stage "builder"`. */
  readonly label: string;
  /** Whether copies from it keep their owners; default true. */
  readonly keepOwners?: boolean;
}

const ROOT: Owner = { uid: 0, gid: 0 };
const FILE_MODE = 0o644;

export class MountedFiles implements GuestFiles {
  readonly rootPath: string;
  readonly #label: string;
  readonly #keepOwners: boolean;

  /** `rootPath`: absolute, where the guest's root is mounted. */
  constructor(rootPath: string, { label, keepOwners = true }: MountedFilesOptions) {
    this.rootPath = path.resolve(rootPath);
    this.#label = label;
    this.#keepOwners = keepOwners;
  }

  // Asynchronous by contract: other guests are reached through a wire.
  // eslint-disable-next-line @typescript-eslint/require-await
  async readFile(guestPath: string): Promise<Buffer | undefined> {
    const { hostPath, stat } = traceInside(this.rootPath, guestPath);
    if (!stat) return undefined;
    if (!stat.isFile()) throw new HyperfileError('FS_NOT_A_FILE', { data: { path: guestPath } });
    return guarded('reading', guestPath, () => readFileSync(hostPath));
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async makeDirectory(guestPath: string, owner?: Owner): Promise<void> {
    makeDirectories(this.rootPath, guestPath, DIRECTORY_MODE, owner ?? ROOT);
  }

  async copy(request: CopyRequest): Promise<void> {
    const { destination } = request;
    refuseAborted(request.signal);
    if (request.sources.length > 1) requireDirectoryName(destination);
    const sources = findSources(request.from, request.sources);
    if (sources.length > 1 && !this.#isDirectory(destination)) requireDirectoryName(destination);
    const changeMode = request.mode === undefined ? undefined : parseModeChange(request.mode);
    const copier = new Copier(this.rootPath, request.from, {
      owner: request.owner,
      changeMode,
      signal: request.signal,
    });
    for (const source of sources) {
      const unpacked = request.unpackArchives === true && (await this.#unpack(source, request));
      if (!unpacked) await this.#copyOne(copier, source, request);
    }
    await copier.finish();
  }

  async writeFile(request: WriteFileRequest): Promise<void> {
    const { destination, content, owner, modifiedSeconds = Date.now() / 1000 } = request;
    const target = this.#fileTarget(destination, request.name, DIRECTORY_MODE, owner ?? ROOT);
    const guestPath = guestPathOf(this.rootPath, target);
    const mode = request.mode === undefined ? FILE_MODE : parseModeChange(request.mode)(FILE_MODE, false);
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new HyperfileError('FS_IS_A_DIRECTORY', { data: { path: guestPath } });
    try {
      if (there) unlinkSync(target);
      await writeNewFile(target, content, { ...(owner ?? ROOT), mode, modifiedSeconds });
    } catch (error) {
      throw asFsError(error, 'writing', guestPath);
    }
  }

  async extract(tar: Readable, request: ExtractRequest): Promise<void> {
    refuseAborted(request.signal);
    makeDirectories(this.rootPath, request.destination, DIRECTORY_MODE, request.owner ?? ROOT);
    await extractTar(tar, this.rootPath, request);
  }

  asSource(): SourceTree {
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

  async #copyOne(copier: Copier, source: Source, request: CopyRequest): Promise<void> {
    const { destination, owner } = request;
    const directoryMode =
      (request.mode === undefined ? undefined : octalMode(request.mode)) ?? DIRECTORY_MODE;
    const directoryOwner = owner ?? ROOT;
    if (source.stat.isDirectory()) {
      const target = makeDirectories(this.rootPath, destination, directoryMode, directoryOwner);
      await copier.copyContents(source, target);
    } else {
      await copier.copyFile(
        source,
        this.#fileTarget(destination, source.baseName, directoryMode, directoryOwner),
      );
    }
  }

  /** Where a file named `name` goes: into a destination that is or names a directory, else under that very name. */
  #fileTarget(destination: string, name: string, directoryMode: number, owner: Owner): string {
    if (namesDirectory(destination) || this.#isDirectory(destination)) {
      return `${makeDirectories(this.rootPath, destination, directoryMode, owner)}/${name}`;
    }
    // A link in the last place is written through, as long as it stays in the guest.
    const { names } = traceInside(this.rootPath, destination);
    const parent = makeDirectories(this.rootPath, '/' + names.slice(0, -1).join('/'), directoryMode, owner);
    return `${parent}/${names.at(-1) ?? name}`;
  }

  async #unpack(source: Source, request: CopyRequest): Promise<boolean> {
    if (!source.stat.isFile()) return false;
    const tar = await openLocalArchive(source.hostPath, source.asWritten);
    if (!tar) return false;
    await this.extract(tar, {
      destination: request.destination,
      archiveName: source.asWritten,
      ...(request.owner && { owner: request.owner }),
      ...(request.signal && { signal: request.signal }),
    });
    return true;
  }

  #isDirectory(guestPath: string): boolean {
    return traceInside(this.rootPath, guestPath).stat?.isDirectory() ?? false;
  }
}

function namesDirectory(destination: string): boolean {
  return destination.endsWith('/') || destination.endsWith('/.');
}

function requireDirectoryName(destination: string): void {
  if (!namesDirectory(destination))
    throw new HyperfileError('FS_DESTINATION_NOT_DIRECTORY', { data: { destination } });
}

async function writeNewFile(
  target: string,
  content: Uint8Array | Readable,
  attributes: Parameters<typeof finishFile>[1],
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
  finishFile(file, attributes);
}
