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
  WriteFileRequest,
} from '../../../fs/guest-files.ts';
import { octalMode, parseModeChange } from '../../../fs/mode-change.ts';
import { lookUpOwner } from '../../../fs/owners.ts';
import { refuseAborted } from '../../../fs/pace.ts';
import type { SourceTree } from '../../../fs/source-tree.ts';
import { findSources, type Source } from '../../../fs/sources.ts';
import { packedOf, packSources } from './pack-sources.ts';
import { repack } from './repack.ts';
import { shellWord } from './shell-script.ts';
import { SSH_FAILED, type Ssh } from './ssh.ts';

const ROOT: Owner = { uid: 0, gid: 0 };
const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;
const PRIVATE_FILE_MODE = 0o600;
const LABEL = 'the guest';

/** Exit statuses of the scripts below, which no program in them ends with. */
const STATUS = { missing: 90, notFile: 91, notDirectory: 92, isDirectory: 93 } as const;

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

  constructor(ssh: Ssh) {
    this.#ssh = ssh;
  }

  async readFile(guestPath: string): Promise<Buffer | undefined> {
    const file = shellWord(guestPath);
    const script = `[ -e ${file} ] || exit ${STATUS.missing}; [ -f ${file} ] || exit ${STATUS.notFile}; cat -- ${file}`;
    const chunks: Buffer[] = [];
    const { status } = await this.#run(script, guestPath, {
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

  /** @throws HyperfileError HYPERV_GUEST_SOURCE always: a guest's files are not brought back to the host */
  asSource(): SourceTree {
    throw new HyperfileError('HYPERV_GUEST_SOURCE', { data: { label: this.#ssh.address } });
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

  async #run(
    script: string,
    what: string,
    options: {
      readonly input?: Readable;
      readonly accept?: readonly number[];
      readonly onStdout?: (chunk: Buffer) => void;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<{ status: number }> {
    const { input, accept = [], onStdout, signal } = options;
    let said = '';
    const status = await this.#ssh.run({
      script,
      ...(input && { input }),
      ...(onStdout && { onStdout }),
      ...(signal && { signal }),
      onStderr: (chunk) => void (said = (said + chunk.toString()).slice(-1000)),
    });
    if (status === 0 || accept.includes(status)) return { status };
    if (status === STATUS.notFile) throw new HyperfileError('FS_NOT_A_FILE', { data: { path: what } });
    if (status === STATUS.notDirectory)
      throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: what } });
    if (status === STATUS.isDirectory)
      throw new HyperfileError('FS_IS_A_DIRECTORY', { data: { path: what } });
    if (status === SSH_FAILED)
      throw new HyperfileError('HYPERV_GUEST_LOST', { data: { message: said.trim() } });
    throw filesError(what, said.trim() || `status ${status}`);
  }
}

function filesError(what: string, message: string): HyperfileError {
  return new HyperfileError('HYPERV_GUEST_FILES', { data: { what, message } });
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
