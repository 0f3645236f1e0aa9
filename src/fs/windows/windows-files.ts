/** A Windows guest's files, where its system volume (C:) is mounted as a folder of this host. */
import type { Readable } from 'node:stream';
import { HyperfileError } from '../../base/error.ts';
import type { CopyRequest, ExtractRequest, GuestFiles, Owner, WriteFileRequest } from '../guest-files.ts';
import { MountedFiles } from '../mounted-files.ts';
import type { SourceTree } from '../source-tree.ts';
import { fromWindowsPath } from './guest-path.ts';
import { WindowsReader } from './windows-reader.ts';
import { WindowsTree } from './windows-tree.ts';

export interface WindowsFilesOptions {
  /** What errors call this guest: `stage "builder"`. */
  readonly label: string;
}

/** Paths of the guest: `C:\a\b`; a slash of either kind at the end says that it is a directory. `/a/b` works too. */
export class WindowsFiles implements GuestFiles {
  readonly #files: MountedFiles;
  readonly #openReader: () => WindowsReader;
  readonly #label: string;

  /** `rootPath`: absolute, where the guest's system volume is mounted; the host may be Windows, or Linux with ntfs-3g. */
  constructor(rootPath: string, { label }: WindowsFilesOptions) {
    this.#openReader = () => new WindowsReader(rootPath, { label, isGuest: true });
    this.#label = label;
    this.#files = new MountedFiles(rootPath, { label, openTree: () => new WindowsTree(this.#openReader()) });
  }

  async readFile(guestPath: string): Promise<Buffer | undefined> {
    return this.#files.readFile(this.#inside(guestPath));
  }

  async makeDirectory(guestPath: string): Promise<void> {
    return this.#files.makeDirectory(this.#inside(guestPath));
  }

  /** @throws HyperfileError FS_NOT_ON_WINDOWS for an owner, a mode, and devices and pipes among the files */
  async copy(request: CopyRequest): Promise<void> {
    if (request.owner) throw notOnWindows('--chown');
    if (request.mode !== undefined) throw notOnWindows('--chmod');
    return this.#files.copy({ ...request, destination: this.#inside(request.destination) });
  }

  async writeFile(request: WriteFileRequest): Promise<void> {
    if (request.owner) throw notOnWindows('--chown');
    if (request.mode !== undefined) throw notOnWindows('--chmod');
    return this.#files.writeFile({ ...request, destination: this.#inside(request.destination) });
  }

  async extract(tar: Readable, request: ExtractRequest): Promise<void> {
    if (request.owner) throw notOnWindows('--chown');
    if (request.whiteouts) throw notOnWindows('a layer of a container image');
    return this.#files.extract(tar, { ...request, destination: this.#inside(request.destination) });
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async asSource(): Promise<SourceTree> {
    const reader = this.#openReader();
    return { label: this.#label, rootPath: reader.rootPath, keepOwners: true, reader };
  }

  /** @throws HyperfileError FS_NOT_ON_WINDOWS, always */
  // eslint-disable-next-line @typescript-eslint/require-await
  async resolveOwner(): Promise<Owner> {
    throw notOnWindows('--chown');
  }

  #inside(guestPath: string): string {
    return fromWindowsPath(guestPath, this.#label);
  }
}

function notOnWindows(what: string): HyperfileError {
  return new HyperfileError('FS_NOT_ON_WINDOWS', { data: { what } });
}
