/**
 * Frees what nothing needs any more. Ended at any moment, it leaves a whole store: what leads to a thing is removed,
 * durably, before the thing itself, so at worst some garbage waits for the next prune.
 */
import { lstatSync } from 'node:fs';
import { allocatedBytes } from '../base/allocated-bytes.ts';
import { syncFolder } from '../base/atomic-file.ts';
import { withLock, type LockOptions } from '../base/lock.ts';
import { isRefusedForNow, removeFile } from '../base/patience.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import { forgetMemos } from './cache.ts';
import { removeIncoming } from './incoming.ts';
import { imageFile, layerFile, layerFormFile, layerRecordFile, type Layout } from './layout.ts';
import { planPrune, type PruneLimits, type PrunePlan } from './mark.ts';
import { removeIfThere } from './read.ts';

export interface PruneOptions extends PruneLimits, LockOptions {
  /** Only say what would go. */
  readonly dryRun?: boolean;
}

export interface PruneReport {
  /** What the removed files occupied on the host's disk. */
  readonly freedBytes: number;
  /** Sealed layers removed. */
  readonly layers: readonly string[];
  readonly images: readonly Digest[];
  readonly cacheRecords: number;
  /** Files removed that belonged to nothing: what builds and transfers that were ended had not finished. */
  readonly garbageFiles: number;
}

/** Memos are small; what nobody asked for in a month goes. */
const MEMO_MS = 30 * 24 * 60 * 60 * 1000;

/** @throws HyperfileError LOCK_TIMEOUT, INTERRUPTED, STORE_ACCESS */
export async function prune(layout: Layout, options: PruneOptions): Promise<PruneReport> {
  return withLock(layout.pruneLock, options, async () => {
    const plan = await withLock(layout.namesLock, options, async () => {
      const chosen = planPrune(layout, options);
      if (options.dryRun !== true) await removeReferences(layout, chosen);
      return chosen;
    });
    const files = [...layerFiles(layout, plan), ...plan.garbage];
    const freedBytes = [...files, ...plan.incoming].reduce((sum, file) => sum + bytesFreedBy(file), 0);
    if (options.dryRun !== true) {
      for (const file of files) removeUnlessOpen(file);
      removeIncoming(plan.incoming);
      for (const file of plan.deadLeases) removeIfThere(file);
      forgetMemos(layout, options.all === true ? 0 : MEMO_MS);
    }
    return {
      freedBytes,
      layers: plan.layers,
      images: plan.images,
      cacheRecords: plan.cacheFiles.length,
      garbageFiles: plan.garbage.length + plan.incoming.length,
    };
  });
}

async function removeReferences(layout: Layout, plan: PrunePlan): Promise<void> {
  for (const file of plan.nameFiles) removeIfThere(file);
  for (const id of plan.images) removeIfThere(imageFile(layout, digestHex(id)));
  for (const file of plan.cacheFiles) removeIfThere(file);
  if (plan.images.length > 0) await syncFolder(layout.images);
}

/** A layer's record goes before its file: a file without a record is garbage, a record without a file is damage. */
function layerFiles(layout: Layout, plan: PrunePlan): string[] {
  return plan.layers.flatMap((id) => [
    layerRecordFile(layout, id),
    layerFormFile(layout, id),
    layerFile(layout, id),
  ]);
}

/** A file that has another name elsewhere (a base that was hard-linked into the store) frees nothing. */
function bytesFreedBy(file: string): number {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat === undefined || stat.nlink > 1 ? 0 : allocatedBytes(stat);
}

/** All layers of a chain may be attached: nobody waits a second for each. */
const ATTEMPTS_ON_OPEN = 3;

/** Windows refuses while a disk is attached; without its record the file goes with a later prune. */
function removeUnlessOpen(file: string): void {
  try {
    removeFile(file, ATTEMPTS_ON_OPEN);
  } catch (error) {
    if (!isRefusedForNow(error)) throw error;
  }
}
