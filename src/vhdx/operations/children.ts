/** Which disks stand on a disk, as far as its folder shows: nothing in a file tells who its children are. */
import fs from 'node:fs';
import path from 'node:path';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { openHostFile } from '../../disk/host-file.ts';
import { identityOf } from '../ancestry.ts';
import { readTables, type LayerTables } from '../layer.ts';
import { parentCandidates } from '../parent-paths.ts';

const ENDING = /\.a?vhdx$/i;

export interface Child {
  readonly path: string;
  readonly tables: LayerTables;
}

/** The differencing disks in the folder of `parentPath` that name it as their parent and would open on it. */
export function findChildren(parentPath: string, parentDataWriteGuid: string): Child[] {
  const parent = fs.realpathSync(parentPath);
  const folder = path.dirname(parent);
  const identity = identityOf(parent);
  const names = fs.readdirSync(folder).filter((name) => ENDING.test(name));
  return names
    .map((name) => path.join(folder, name))
    .filter((file) => file !== parent)
    .flatMap((file) => {
      const tables = describe(file);
      if (!tables?.locator?.linkage.includes(parentDataWriteGuid)) return [];
      const named = parentCandidates(file, tables.locator).some((place) => identityOf(place) === identity);
      return named ? [{ path: file, tables }] : [];
    });
}

/**
 * Refuses to go on when disks stand on `parentPath` that would be lost.
 * @throws HyperfileError VHDX_HAS_CHILDREN
 */
export function refuseChildren(parentPath: string, parentDataWriteGuid: string, except?: string): void {
  const children = findChildren(parentPath, parentDataWriteGuid)
    .map((child) => child.path)
    .filter((child) => child !== except);
  if (children.length === 0) return;
  throw new HyperfileError('VHDX_HAS_CHILDREN', { data: { path: parentPath, children } });
}

/** What a file says about itself; undefined when it is no sound VHDX. */
function describe(file: string): LayerTables | undefined {
  try {
    const opened = openHostFile(file);
    try {
      return readTables(opened);
    } finally {
      opened.close();
    }
  } catch (error) {
    if (isHyperfileError(error)) return undefined;
    throw error;
  }
}
