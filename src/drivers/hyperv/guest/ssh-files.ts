/**
 * File steps through a running Linux guest, for file systems that the host cannot read: the guest's own tar, cat and
 * mkdir do the work. Its links lead where they lead for all its programs; nothing of the host is in reach of them.
 */
import path from 'node:path';
import { Readable } from 'node:stream';
import { HyperfileError } from '../../../base/error.ts';
import { openLocalArchive } from '../../../fs/archive.ts';
import type {
  CopyRequest,
  ExtractRequest,
  GuestFiles,
  Owner,
  SourceRequest,
  WriteFileRequest,
} from '../../../fs/guest-files.ts';
import { octalMode, parseModeChange } from '../../../fs/mode-change.ts';
import { lookUpOwner } from '../../../fs/owners.ts';
import { refuseAborted } from '../../../fs/pace.ts';
import type { SourceTree } from '../../../fs/source-tree.ts';
import { findSources, type Source } from '../../../fs/sources.ts';
import { fetchSources } from './fetch-sources.ts';
import { filesError, runFilesScript, STATUS, type FilesScriptOptions } from './files-script.ts';
import { packedOf, packSources } from './pack-sources.ts';
import { repack } from './repack.ts';
import { shellWord } from './shell-script.ts';
import type { Ssh } from './ssh.ts';

const ROOT: Owner = { uid: 0, gid: 0 };
const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
const PRIVATE_FILE_MODE = 0o600;
const LABEL = 'the guest';

/** A directory and its missing parents: PATH MODE OWNER. */
const MAKE = `make() {
  [ -d "$1" ] && return
  [ -e "$1" ] && exit ${STATUS.notDirectory}
  parent=\${1%/*}
  make "\${parent:-/}" "$2" "$3" && mkdir -- "$1" && chown "$3" -- "$1" && chmod "$2" -- "$1"
}`;

/** What GNU's tar is told besides: links to directories stay, attributes are more than modes. */
const UNPACK = `case "$(tar --version 2>/dev/null)" in
*GNU*) more="--keep-directory-symlink --xattrs --xattrs-include=*" ;;
*) more= ;;
esac
set -f; tar -x -p --numeric-owner $more -f - -C`;

export class SshFiles implements GuestFiles {
  readonly #ssh: Ssh;
  #fetched = 0;

  constructor(ssh: Ssh) {
    this.#ssh = ssh;
  }

  async readFile(guestPath: string): Promise<Buffer | undefined> {
    const file = shellWord(guestPath);
    const script = `[ -e ${file} ] || exit ${STATUS.missing}; [ -f ${file} ] || exit ${STATUS.notFile}; cat -- ${file}`;
    const chunks: Buffer[] = [];
    const status = await this.#run(script, guestPath, {
      accept: [STATUS.missing],
      onStdout: (chunk) => void chunks.push(chunk),
    });
    return status === STATUS.missing ? undefined : Buffer.concat(chunks);
  }

  async makeDirectory(guestPath: string, owner: Owner = ROOT): Promise<void> {
    await this.#run(`${MAKE}\n${makeCall(guestPath, DIRECTORY_MODE, owner)}`, guestPath);
  }

  async copy(request: CopyRequest): Promise<void> {
    const { destination, from, signal } = request;
    refuseAborted(signal);
    if (request.sources.length > 1) requireDirectoryName(destination);
    const sources = findSources(from, request.sources);
    const isForFile = !namesDirectory(destination) && sources.some(({ stat }) => !stat.isDirectory());
    const target = isForFile ? await this.#lookAt(destination) : undefined;
    if (sources.length > 1 && target !== undefined) requireDirectoryName(destination);
    const packed: Source[] = [];
    for (const source of sources)
      if (!(request.unpackArchives && (await this.#unpack(source, request)))) packed.push(source);
    if (packed.length === 0) return;
    const directory = target === undefined ? destination : path.posix.dirname(target);
    const name = target === undefined ? undefined : path.posix.basename(target);
    const entries = [...packedOf(from, packed, name)];
    const directoryMode =
      (request.mode === undefined ? undefined : octalMode(request.mode)) ?? DIRECTORY_MODE;
    await this.#unpackInto(directory, Readable.from(packSources(entries, request), { objectMode: false }), {
      directoryMode,
      directoryOwner: request.owner ?? ROOT,
      signal,
    });
  }

  async writeFile(request: WriteFileRequest): Promise<void> {
    const { destination, content, owner = ROOT, modifiedSeconds = Date.now() / 1000 } = request;
    const target = namesDirectory(destination) ? undefined : await this.#lookAt(destination);
    const file = path.posix.normalize(target ?? `${destination}/${request.name}`);
    const ownMode = request.forOwnerOnly === true ? PRIVATE_FILE_MODE : FILE_MODE;
    const mode = request.mode === undefined ? ownMode : parseModeChange(request.mode)(FILE_MODE, false);
    const word = shellWord(file);
    const script = `${MAKE}
${makeCall(path.posix.dirname(file), DIRECTORY_MODE, owner)}
[ -d ${word} ] && exit ${STATUS.isDirectory}
rm -f -- ${word} && cat > ${word} && chown ${owner.uid}:${owner.gid} -- ${word} && chmod ${octal(mode)} -- ${word} &&
touch -d @${Math.floor(modifiedSeconds)} -- ${word}`;
    const input = content instanceof Uint8Array ? Readable.from([Buffer.from(content)]) : content;
    await this.#run(script, file, { input });
  }

  async extract(tar: Readable, request: ExtractRequest): Promise<void> {
    refuseAborted(request.signal);
    if (request.whiteouts)
      throw filesError(request.archiveName, 'layers of container images are unpacked where no guest runs');
    await this.#unpackInto(request.destination, Readable.from(repack(tar, request), { objectMode: false }), {
      directoryMode: DIRECTORY_MODE,
      directoryOwner: request.owner ?? ROOT,
      signal: request.signal,
    });
  }

  /** Brings what is wanted to this host, where it is until the connection is closed. @throws as {@link fetchSources} */
  asSource(request: SourceRequest): Promise<SourceTree> {
    const spoolPath = path.join(this.#ssh.folder, `fetched-${++this.#fetched}`);
    return fetchSources(this.#ssh, request, { label: LABEL, spoolPath });
  }

  async resolveOwner(spec: string): Promise<Owner> {
    const read = async (file: string): Promise<string> => (await this.readFile(file))?.toString('utf8') ?? '';
    return lookUpOwner(spec, {
      label: LABEL,
      passwd: () => read('/etc/passwd'),
      group: () => read('/etc/group'),
    });
  }

  async #unpack(source: Source, request: CopyRequest): Promise<boolean> {
    if (!source.stat.isFile()) return false;
    const tar = await openLocalArchive(source.hostPath, source.asWritten);
    if (!tar) return false;
    const { destination, owner, signal } = request;
    const archiveName = source.asWritten;
    await this.extract(tar, { destination, archiveName, ...(owner && { owner }), ...(signal && { signal }) });
    return true;
  }

  async #unpackInto(
    directory: string,
    input: Readable,
    options: {
      readonly directoryMode: number;
      readonly directoryOwner: Owner;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<void> {
    const made = makeCall(directory, options.directoryMode, options.directoryOwner);
    await this.#run(`${MAKE}\n${made}\n${UNPACK} ${shellWord(directory)}`, directory, {
      input,
      signal: options.signal,
    });
  }

  /** Undefined for a directory; else where a file of that name is written, links followed. */
  async #lookAt(guestPath: string): Promise<string | undefined> {
    const word = shellWord(guestPath);
    const script = `[ -d ${word} ] && exit; readlink -f -- ${word} || printf '%s\\n' ${word}`;
    const chunks: Buffer[] = [];
    await this.#run(script, guestPath, { onStdout: (chunk) => void chunks.push(chunk) });
    const found = Buffer.concat(chunks).toString();
    return found === '' ? undefined : found.slice(0, -1);
  }

  #run(script: string, what: string, options?: FilesScriptOptions): Promise<number> {
    return runFilesScript(this.#ssh, script, what, options);
  }
}

function makeCall(directory: string, mode: number, { uid, gid }: Owner): string {
  const plain = path.posix.normalize(directory).replace(/(?<=.)\/$/, '');
  return `make ${shellWord(plain)} ${octal(mode)} ${uid}:${gid} || exit`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function namesDirectory(destination: string): boolean {
  return destination.endsWith('/') || destination.endsWith('/.');
}

function requireDirectoryName(destination: string): void {
  if (!namesDirectory(destination))
    throw new HyperfileError('FS_DESTINATION_NOT_DIRECTORY', { data: { destination } });
}
