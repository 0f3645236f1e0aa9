/** Large files that are there whole under their name or not at all, whatever happens while they are written. */
import { lstatSync, statSync } from 'node:fs';
import { link } from 'node:fs/promises';
import path from 'node:path';
import { diskFullAt, removeAbandoned, syncFile, syncFolder, unfinishedName } from './atomic-file.ts';
import { HyperfileError, isHyperfileError, systemCode } from './error.ts';
import { removeFile, renameOver } from './patience.ts';
import type { Session } from './session.ts';

/** The file in the making. */
export interface UnfinishedFile {
  /** Where to write it: does not exist yet, in the folder of the final name. */
  readonly path: string;
  /** A name beside it for what is only needed meanwhile. Whatever is there in the end is removed. */
  scratch(): string;
}

export interface NewFileOptions {
  /** The file and its name are on the storage when the promise resolves. Else a power cut may still lose them. */
  readonly durable?: boolean;
  /** Where unfinished files are noted, for whoever cleans up after a process that was killed. */
  readonly session?: Pick<Session, 'claim' | 'discard'>;
}

/**
 * Writes a file under another name beside `target` and gives it its own once it is whole. It never replaces anything.
 * When `write` throws, nothing is left; what a killed process leaves is removed by the next one that writes into the
 * folder.
 *
 * @throws HyperfileError OUTPUT_EXISTS, OUTPUT_FOLDER, DISK_FULL, and what `write` throws, in the words of `target`
 */
export async function writeNewFile<T>(
  target: string,
  write: (file: UnfinishedFile) => Promise<T>,
  options: NewFileOptions = {},
): Promise<T> {
  const absolute = path.resolve(target);
  const folder = path.dirname(absolute);
  refuseOccupied(absolute);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new HyperfileError('OUTPUT_FOLDER', { data: { folder } });
  tidy(folder);
  const names: string[] = [];
  const newName = (): string => {
    const name = unfinishedName(absolute);
    names.push(name);
    options.session?.claim(name);
    return name;
  };
  const partial = newName();
  try {
    const result = await write({ path: partial, scratch: newName });
    if (options.durable) await syncFile(partial);
    await publish(partial, absolute);
    if (options.durable) await syncFolder(folder);
    return result;
  } catch (error) {
    throw inWordsOf(absolute, names, error);
  } finally {
    for (const name of names) {
      if (options.session) options.session.discard(name);
      else removeFile(name);
    }
  }
}

/** A folder that cannot be listed may still be written to. */
function tidy(folder: string): void {
  try {
    removeAbandoned(folder);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}

/** A name that leads nowhere is taken, too. */
function refuseOccupied(target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false }))
    throw new HyperfileError('OUTPUT_EXISTS', { data: { path: target } });
}

/** A link never replaces what somebody else put there meanwhile; where links are missing, a rename has to do. */
async function publish(partial: string, target: string): Promise<void> {
  try {
    await link(partial, target);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw new HyperfileError('OUTPUT_EXISTS', { data: { path: target } });
    refuseOccupied(target);
    renameOver(partial, target);
  }
}

/** The names of unfinished files mean nothing to whoever reads the error, and nothing was lost where there is no room. */
function inWordsOf(target: string, names: readonly string[], error: unknown): unknown {
  const known = diskFullAt(target, error);
  if (!isHyperfileError(known) || !names.concat(target).includes(String(known.data.path))) return known;
  const { code, data, cause } = known;
  const hint = code === 'DISK_FULL' ? 'Make room there, or give a name on another disk.' : known.hint;
  return new HyperfileError(code, { data: { ...data, path: target }, hint, cause });
}
