/** Merges a differencing disk of the host into its parent, and sees to the disks around the two. */
import type { Progress } from '../../base/events.ts';
import { HyperfileError } from '../../base/error.ts';
import { removeFile } from '../../base/patience.ts';
import { closeLayers, openLayers } from '../ancestry.ts';
import { openEditor, openLocked, type LockedFile } from '../edit/open.ts';
import type { Layer } from '../layer.ts';
import { findChildren, refuseChildren } from './children.ts';
import { mergeFiles } from './merge.ts';
import { relink } from './rebase.ts';

export interface MergeOptions {
  /** Go on although other disks stand on the parent; they are lost. */
  readonly orphanChildren?: boolean;
  /** Leave the difference in place, empty. */
  readonly keep?: boolean;
}

export interface Merged {
  readonly parent: string;
  /** Disks that stood on the difference and stand on the parent now. */
  readonly relinked: readonly string[];
}

/**
 * Merges `childPath` into its parent and removes it. Disks in its folder that stand on it stand on the parent afterwards.
 * Stopped or killed, it is finished by merging again; every disk reads the same meanwhile.
 *
 * @throws HyperfileError VHDX_NO_PARENT, VHDX_HAS_CHILDREN, VHDX_MERGE_SIZES, VHDX_IN_USE, and those of `openLayers`;
 *   nothing has changed then.
 */
export function* mergeDisk(childPath: string, options: MergeOptions = {}): Generator<Progress, Merged> {
  const child = openLocked(childPath);
  try {
    const [leaf, parentLayer, ...below] = openLayers(child.file.path);
    closeLayers(parentLayer ? [leaf, parentLayer] : [leaf]);
    try {
      if (parentLayer === undefined) {
        throw new HyperfileError('VHDX_NO_PARENT', { data: { path: child.file.path } });
      }
      return yield* mergeLocked(child, leaf, parentLayer, below, options);
    } finally {
      closeLayers(below);
    }
  } finally {
    child.close();
  }
}

function* mergeLocked(
  child: LockedFile,
  leaf: Layer,
  parentLayer: Layer,
  below: readonly Layer[],
  options: MergeOptions,
): Generator<Progress, Merged> {
  const parent = openLocked(parentLayer.path);
  try {
    const paths = { child: child.file.path, parent: parent.file.path };
    if (!options.orphanChildren) refuseChildren(paths.parent, parentLayer.dataWriteGuid, paths.child);
    const grandchildren = findChildren(paths.child, leaf.dataWriteGuid).map(({ path }) => path);
    const dataWriteGuid = yield* mergeFiles(child.file, parent.file, below);
    for (const grandchild of grandchildren) adopt(grandchild, { path: paths.parent, dataWriteGuid });
    if (!options.keep) removeFile(paths.child);
    return { parent: paths.parent, relinked: grandchildren };
  } finally {
    parent.close();
  }
}

/** A disk that stood on the difference reads the same on the parent. */
function adopt(grandchild: string, parent: { readonly path: string; readonly dataWriteGuid: string }): void {
  const locked = openLocked(grandchild);
  try {
    const editor = openEditor(locked.file);
    relink(editor, parent);
    editor.finish();
  } finally {
    locked.close();
  }
}
