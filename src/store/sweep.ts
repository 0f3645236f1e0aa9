/** Removes what processes that were killed had not finished: their leases name the layers, their files name them. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { isAbandoned, UNFINISHED_PREFIX } from '../base/atomic-file.ts';
import { isHyperfileError } from '../base/error.ts';
import { tryLock } from '../base/lock.ts';
import { staleSessions } from '../base/session.ts';
import { dropDeadIncoming } from './incoming.ts';
import { isUnfinished, LAYER_ID, layerFile, layerFormFile, layerRecordFile, type Layout } from './layout.ts';
import { readLeases } from './lease.ts';
import { listIfThere, readIfThere, removeIfThere } from './read.ts';

/**
 * For whoever opens a store; costs next to nothing when nobody was killed. The cache, all that is whole and the parts of
 * blobs that arrived stay.
 * A store that may only be read is left as it is.
 */
export function sweep(layout: Layout): void {
  try {
    const { dead } = readLeases(layout);
    if (dead.length === 0) return;
    const held = filesInUse(layout);
    for (const lease of dead)
      for (const file of unfinishedLayers(layout, lease)) if (!held.has(file)) removeIfThere(file);
    for (const file of abandonedFiles(layout)) removeIfThere(file);
    for (const lock of [layout.pruneLock, layout.namesLock, layout.adoptLock]) dropIfDead(lock);
    dropDeadIncoming(layout);
    for (const lease of dead) removeIfThere(lease);
  } catch (error) {
    if (!isHyperfileError(error, 'STORE_ACCESS')) throw error;
  }
}

/** What dead commands had mounted or in machines, and may still have: whoever undoes that removes the files, too. */
function filesInUse(layout: Layout): ReadonlySet<string> {
  return new Set(staleSessions(layout.root).flatMap(({ files }) => files));
}

/** Taking a dead holder's lock is what removes it. */
function dropIfDead(lockPath: string): void {
  const lock = tryLock(lockPath);
  if ('release' in lock) lock.release();
}

/** Unfinished small files of a store whose writers are gone. */
export function abandonedFiles(layout: Layout): string[] {
  const buckets = [layout.cache, layout.memo].flatMap((folder) =>
    listIfThere(folder).map((name) => path.join(folder, name)),
  );
  const folders = [layout.root, layout.layers, layout.images, layout.names, layout.run, ...buckets];
  return folders.flatMap((folder) =>
    listIfThere(folder)
      .filter((name) => isUnfinished(name) && isAbandoned(name, touchedMs(path.join(folder, name))))
      .map((name) => path.join(folder, name)),
  );
}

/** The files of the layers without a record that a lease protected. */
function unfinishedLayers(layout: Layout, lease: string): string[] {
  const ids = (readIfThere(lease) ?? '').split('\n').filter((id) => LAYER_ID.test(id));
  return ids
    .filter((id) => readIfThere(layerRecordFile(layout, id)) === undefined)
    .flatMap((id) => [
      layerFile(layout, id),
      path.join(layout.layers, `${UNFINISHED_PREFIX}${id}.vhdx`),
      layerFormFile(layout, id),
    ]);
}

function touchedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
}
