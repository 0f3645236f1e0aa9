/** The names of images. A file holds both the name and the id it stands for, as file names cannot hold every name. */
import path from 'node:path';
import { replaceFileDurably, syncFolder } from '../base/atomic-file.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { normalizeName, parseReference, repositoryName } from '../oci/reference.ts';
import { isUnfinished, nameFile, type Layout } from './layout.ts';
import { accessError, listIfThere, parseRecord, readIfThere, removeIfThere } from './read.ts';

export interface ImageName {
  /** With its tag. */
  readonly name: string;
  readonly id: Digest;
  readonly file: string;
}

/** @throws HyperfileError STORE_NAME_INVALID */
export function readName(layout: Layout, name: string): ImageName | undefined {
  const normal = normalizeName(name);
  const found = parseName(nameFile(layout, normal));
  return found?.name === normal ? found : undefined;
}

/** Points a name to an image, durably. @throws HyperfileError STORE_NAME_INVALID, DISK_FULL, STORE_ACCESS */
export async function writeName(layout: Layout, name: string, id: Digest): Promise<string> {
  const normal = normalizeName(name);
  const file = nameFile(layout, normal);
  if (readName(layout, normal)?.id === id) return normal;
  try {
    await replaceFileDurably(file, JSON.stringify({ name: normal, id }));
    await syncFolder(layout.names);
  } catch (error) {
    throw accessError(file, error);
  }
  return normal;
}

/** False when there was no such name. */
export function removeName(layout: Layout, name: string): boolean {
  return removeIfThere(nameFile(layout, normalizeName(name)));
}

/**
 * `NAME@digest`, by which a pulled image is remembered, goes with the last tag that the image had in that repository:
 * else every image that a tag ever stood for would stay for ever. Returns the names that are gone.
 */
export function dropLoneDigests(layout: Layout, before: ImageName): string[] {
  const repository = repositoryOf(before.name);
  const names = listNames(layout).names.filter(
    ({ name, id }) => id === before.id && repositoryOf(name) === repository,
  );
  if (names.some(({ name }) => !name.includes('@'))) return [];
  return names.filter(({ file }) => removeIfThere(file)).map(({ name }) => name);
}

/** A name without its tag or digest. */
export function repositoryOf(name: string): string {
  return repositoryName(parseReference(name));
}

/** All names, sorted; and the files that should hold one and do not. */
export function listNames(layout: Layout): { names: ImageName[]; damaged: string[] } {
  const names: ImageName[] = [];
  const damaged: string[] = [];
  for (const fileName of listIfThere(layout.names)) {
    if (isUnfinished(fileName)) continue;
    const file = path.join(layout.names, fileName);
    const found = parseName(file);
    if (found === undefined) damaged.push(file);
    else names.push(found);
  }
  names.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { names, damaged };
}

function parseName(file: string): ImageName | undefined {
  const text = readIfThere(file);
  const value = text === undefined ? undefined : parseRecord(text);
  if (typeof value?.name !== 'string' || typeof value.id !== 'string' || !isDigest(value.id))
    return undefined;
  return { name: value.name, id: value.id, file };
}
