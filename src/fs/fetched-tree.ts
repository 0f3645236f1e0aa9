/**
 * A tree whose files are not on this host as files: what each is, in memory, and the bytes of all in one file. It is
 * filled while it arrives, and then read like any other; paths are those of the guest, from `/`.
 */
import { HyperfileError } from '../base/error.ts';
import type { FileBytes } from './file-content.ts';
import type { FileStat } from './file-stat.ts';
import { traceThrough, type Trace } from './inside.ts';
import type { TreeReader } from './source-tree.ts';
import type { TarEntry } from './tar-entry.ts';
import { belongsToFile, type Xattr, type XattrsByPath } from './xattrs.ts';

/** File types as `st_mode` has them (inode(7)). */
const TYPE = {
  pipe: 0o010000,
  'character-device': 0o020000,
  directory: 0o040000,
  'block-device': 0o060000,
  file: 0o100000,
  symlink: 0o120000,
} as const;
const TYPE_MASK = 0o170000;
/** Of what is only known to be there. */
const ANY_DIRECTORY = { kind: 'directory', mode: 0o755 } as const;
const BLOCK_BYTES = 512;

type Kind = keyof typeof TYPE;
type About = { readonly kind: Kind } & Partial<Omit<TarEntry, 'kind'>>;

interface Node {
  readonly stat: FetchedStat;
  /** What a directory holds. */
  readonly names: Set<string>;
  readonly target: string;
  readonly xattrs: readonly Xattr[];
  readonly bytes: FileBytes | undefined;
}

export class FetchedTree implements TreeReader {
  readonly rootPath = '/';
  readonly ignoresCase = false;
  readonly #nodes = new Map<string, Node>();

  constructor() {
    this.#put('/', ANY_DIRECTORY);
  }

  /** Takes what an archive says of a path; directories above it appear with it. `bytes`: of a file. */
  add(path: string, about: About, bytes?: FileBytes): void {
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    if (path !== '/') {
      if (!this.#nodes.has(parent)) this.add(parent, ANY_DIRECTORY);
      this.#nodes.get(parent)?.names.add(path.slice(path.lastIndexOf('/') + 1));
    }
    this.#put(path, about, bytes);
  }

  /** One more name of a file. False when that is not there. */
  addName(path: string, first: string): boolean {
    const node = this.#nodes.get(first);
    if (node === undefined) return false;
    if (path === first) return true;
    this.add(path, { kind: 'file' });
    node.stat.nlink++;
    this.#nodes.set(path, node);
    return true;
  }

  sourceOf(written: string): string {
    return written;
  }

  trace(sourcePath: string): Trace {
    return traceThrough(this, sourcePath);
  }

  names(directory: string): string[] {
    return [...(this.#nodes.get(directory)?.names ?? [])];
  }

  join(directory: string, name: string): string {
    return directory === '/' ? `/${name}` : `${directory}/${name}`;
  }

  lookAt(path: string): FileStat | undefined {
    return this.#nodes.get(path)?.stat;
  }

  readLink(path: string): string {
    return this.#nodes.get(path)?.target ?? '';
  }

  /** @throws HyperfileError FS_FAILED for a file that did not arrive */
  bytesOf(path: string): FileBytes {
    const bytes = this.#nodes.get(path)?.bytes;
    if (bytes !== undefined) return bytes;
    throw new HyperfileError('FS_FAILED', {
      data: { action: 'reading', path, reason: 'it vanished meanwhile' },
    });
  }

  xattrsOf(paths: readonly string[]): XattrsByPath {
    const found: XattrsByPath = new Map();
    for (const path of paths) {
      const list = this.#nodes.get(path)?.xattrs ?? [];
      if (list.length > 0) found.set(path, list);
    }
    return found;
  }

  #put(path: string, about: About, bytes?: FileBytes): void {
    const there = this.#nodes.get(path);
    const xattrs = (about.xattrs ?? []).filter(({ name }) => belongsToFile(name));
    this.#nodes.set(path, {
      stat: new FetchedStat(about, there?.stat.ino ?? this.#nodes.size + 1),
      names: there?.names ?? new Set(),
      target: about.linkName ?? '',
      xattrs: xattrs.sort((one, other) => (one.name < other.name ? -1 : 1)),
      bytes,
    });
  }
}

class FetchedStat implements FileStat {
  readonly dev = 0;
  readonly ino: number;
  nlink = 1;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blocks: number;
  readonly mtimeMs: number;

  constructor(about: About, ino: number) {
    const { kind, mode = 0, uid = 0, gid = 0, sizeBytes = 0, modifiedSeconds = 0, pieces } = about;
    this.ino = ino;
    this.mode = TYPE[kind] | mode;
    [this.uid, this.gid, this.mtimeMs] = [uid, gid, modifiedSeconds * 1000];
    this.size = kind === 'file' ? sizeBytes : 0;
    const storedBytes = pieces?.reduce((sum, [, length]) => sum + length, 0) ?? this.size;
    this.blocks = Math.ceil(storedBytes / BLOCK_BYTES);
    this.rdev = deviceOf(about);
  }

  get ctimeMs(): number {
    return this.mtimeMs;
  }

  isFile(): boolean {
    return this.#is('file');
  }

  isDirectory(): boolean {
    return this.#is('directory');
  }

  isSymbolicLink(): boolean {
    return this.#is('symlink');
  }

  isFIFO(): boolean {
    return this.#is('pipe');
  }

  isBlockDevice(): boolean {
    return this.#is('block-device');
  }

  isCharacterDevice(): boolean {
    return this.#is('character-device');
  }

  /** Archives have none. */
  isSocket(): boolean {
    return false;
  }

  #is(kind: Kind): boolean {
    return (this.mode & TYPE_MASK) === TYPE[kind];
  }
}

/** Linux's makedev(3), which {@link deviceNumbers} takes apart. */
function deviceOf({ major = 0, minor = 0 }: About): number {
  const low = (((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12)) >>> 0;
  return low + ((major & 0xfffff000) >>> 0) * 2 ** 32;
}
