/** Checks a layer that came from elsewhere, before the store takes it in. */
import path from 'node:path';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { openCleanLayer, type Layer } from '../vhdx/layer.ts';
import type { Locator } from '../vhdx/locator.ts';

export interface ExpectedLayer {
  readonly id: string;
  /** The layer below; absent for a base. */
  readonly parentId?: string;
  /** The file of the layer below, if it is there: the identity in it must fit too. */
  readonly parentPath?: string;
}

/**
 * The file must be a sound VHDX that names the file `<parentId>.vhdx` beside it as its parent, and no other anywhere.
 *
 * @throws HyperfileError BLOB_NOT_VHDX, BLOB_PARENT_MISMATCH
 */
export function checkLayer(filePath: string, expected: ExpectedLayer): void {
  const { id, parentId, parentPath } = expected;
  const layer = openSound(filePath, id);
  try {
    const problem =
      nameProblem(layer.locator, parentId) ??
      (parentPath === undefined ? undefined : linkageProblem(layer, openSound(parentPath, parentId ?? '')));
    if (problem !== undefined)
      throw new HyperfileError('BLOB_PARENT_MISMATCH', { data: { layer: id, problem } });
  } finally {
    layer.file.close();
  }
}

function openSound(filePath: string, layer: string): Layer {
  try {
    return openCleanLayer(filePath);
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    throw new HyperfileError('BLOB_NOT_VHDX', { data: { layer, problem: error.message }, cause: error });
  }
}

/** Readers try these paths in orders of their own: none may lead to another file. */
function nameProblem(locator: Locator | undefined, parentId: string | undefined): string | undefined {
  if (parentId === undefined)
    return locator === undefined ? undefined : 'it has a parent, but none is listed';
  if (locator === undefined) return 'it has no parent';
  const name = `${parentId}.vhdx`;
  const relative = locator.entries.get('relative_path');
  if (relative !== `.\\${name}`) return `it names ${relative ?? 'no file beside it'}, not ${name}`;
  for (const key of ['absolute_win32_path', 'volume_path']) {
    const other = locator.entries.get(key);
    if (other !== undefined && path.win32.basename(other) !== name) return `its ${key} is ${other}`;
  }
  return undefined;
}

function linkageProblem(layer: Layer, parent: Layer): string | undefined {
  parent.file.close();
  if (!layer.locator?.linkage.includes(parent.dataWriteGuid)) return 'the identity of its parent is another';
  const sectorBytes = layer.geometry.logicalSectorBytes;
  const parentSectorBytes = parent.geometry.logicalSectorBytes;
  if (sectorBytes === parentSectorBytes) return undefined;
  return `its sectors have ${sectorBytes} bytes, those of its parent ${parentSectorBytes}`;
}
