/**
 * What lies in the directories of a Windows volume, by name however that is spelled. A directory is read once: looking
 * up its thousand names costs no more than one, and on Windows only the listing tells that something is a reparse point.
 */
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import path from 'node:path';
import { fileIdentity } from '../file-identity.ts';
import { foldName } from './names.ts';

export interface Listed {
  /** As the directory has it. */
  readonly name: string;
  /** A link, or on Windows any kind of reparse point. */
  readonly isReparsePoint: boolean;
}

/** By folded name; more than one where a directory tells capital and small letters apart. */
type Folder = ReadonlyMap<string, readonly Listed[]>;

export class Folders {
  readonly #folders = new Map<string, Folder>();

  /** The names in a directory, in no order. */
  names(directory: string): string[] {
    return [...this.#folder(directory).values()].flatMap((all) => all.map(({ name }) => name));
  }

  /** Finds a name; what was made since the directory was read is found too. */
  find(directory: string, name: string): Listed | undefined {
    const known = pick(this.#folder(directory), name);
    if (known) return known;
    const stat = lstatSync(path.join(directory, name), { throwIfNoEntry: false });
    if (!stat) return undefined;
    this.forget(directory);
    return pick(this.#folder(directory), name) ?? this.#findFile(directory, name, stat);
  }

  /** It will be read anew. */
  forget(directory: string): void {
    this.#folders.delete(directory);
  }

  /** The file has a name that the directory does not list, as PROGRA~1: the listed one is looked for by the file. */
  #findFile(directory: string, alias: string, stat: Stats): Listed | undefined {
    const identity = fileIdentity(stat, path.join(directory, alias));
    for (const listed of [...this.#folder(directory).values()].flat()) {
      const hostPath = path.join(directory, listed.name);
      const there = lstatSync(hostPath, { throwIfNoEntry: false });
      if (there && fileIdentity(there, hostPath) === identity) return listed;
    }
    return undefined;
  }

  #folder(directory: string): Folder {
    let folder = this.#folders.get(directory);
    if (!folder) this.#folders.set(directory, (folder = readFolder(directory)));
    return folder;
  }
}

function readFolder(directory: string): Folder {
  const entries = readdirSync(directory, { withFileTypes: true });
  const listed = entries.map((entry) => ({ name: entry.name, isReparsePoint: entry.isSymbolicLink() }));
  return Map.groupBy(listed, ({ name }) => foldName(name));
}

function pick(folder: Folder, name: string): Listed | undefined {
  const all = folder.get(foldName(name)) ?? [];
  const best = all.find((listed) => listed.name === name) ?? all[0];
  // Which of several Windows opens is its own choice: one that leads away is enough for caution.
  return best && { name: best.name, isReparsePoint: all.some(({ isReparsePoint }) => isReparsePoint) };
}
