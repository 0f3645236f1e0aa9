/**
 * Layers of container images take away what the layers below them have: `.wh.NAME` the file NAME beside it,
 * `.wh..wh..opq` everything in its directory (OCI image-spec, layer.md, "Whiteouts"). What the layer itself brings
 * stays, in whatever order its tar has it.
 */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { HyperfileError } from '../base/error.ts';

/** An entry of a layer's tar that takes away. */
export interface Whiteout {
  /** Names of the directory that it lies in. */
  readonly directory: readonly string[];
  /** What goes: one name, the whole content, or nothing (records of old file systems that mean nothing here). */
  readonly takes: { readonly name: string } | 'everything' | 'nothing';
}

const PREFIX = '.wh.';
const RESERVED_PREFIX = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Reads an entry's path, names from the root; undefined for one that brings something.
 *
 * @throws HyperfileError FS_ARCHIVE_CORRUPT when it would take away the directory that it lies in, or the one above
 */
export function readWhiteout(names: readonly string[], archive: string): Whiteout | undefined {
  const directory = names.slice(0, -1);
  const base = names.at(-1) ?? '';
  if (base === OPAQUE) return { directory, takes: 'everything' };
  if (names.some((name) => name.startsWith(RESERVED_PREFIX))) return { directory, takes: 'nothing' };
  if (!base.startsWith(PREFIX)) return undefined;
  const name = base.slice(PREFIX.length);
  if (!['', '.', '..'].includes(name)) return { directory, takes: { name } };
  const detail = `the whiteout "${names.join('/')}" names no file`;
  throw new HyperfileError('FS_ARCHIVE_CORRUPT', { data: { archive, detail } });
}

/** What one layer brings, by host path with links resolved, and what it takes away of all else. */
export class LayerPaths {
  readonly #root: string;
  /** True: an entry of the layer made it; false: a directory on the way to one. */
  readonly #brought = new Map<string, boolean>();

  constructor(root: string) {
    this.#root = root;
  }

  bring(hostPath: string): void {
    this.#brought.set(hostPath, true);
    let parent = parentOf(hostPath);
    while (parent.length >= this.#root.length && !this.#brought.has(parent)) {
      this.#brought.set(parent, false);
      parent = parentOf(parent);
    }
  }

  /**
   * Removes what lower layers have at `hostPath`. Returns the directories that had to stay only because the layer
   * brought something below them: they are not those of the lower layers any more.
   */
  remove(hostPath: string): string[] {
    const brought = this.#brought.get(hostPath);
    if (brought === undefined) {
      rmSync(hostPath, { recursive: true, force: true });
      return [];
    }
    const below = this.empty(hostPath);
    return brought ? below : [hostPath, ...below];
  }

  /** The same for everything in a directory. */
  empty(hostPath: string): string[] {
    if (!lstatSync(hostPath, { throwIfNoEntry: false })?.isDirectory()) return [];
    return readdirSync(hostPath).flatMap((name) => this.remove(`${hostPath}/${name}`));
  }
}

function parentOf(hostPath: string): string {
  return hostPath.slice(0, hostPath.lastIndexOf('/'));
}
