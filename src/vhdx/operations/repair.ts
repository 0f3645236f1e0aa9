/**
 * Puts right what a check found, where that takes no guessing: the disk reads the same afterwards, and its children stay
 * valid. Every repair is either a header written in its turn, or comes through the log.
 */
import { randomGuid, ZERO_GUID } from '../../bytes/guid.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { closeLayers, openLayers } from '../ancestry.ts';
import type { Editor } from '../edit/editor.ts';
import { Headers } from '../edit/headers.ts';
import { openEditor, openLocked } from '../edit/open.ts';
import { replaceRegionTables } from '../edit/region-edit.ts';
import type { RepairKind } from '../findings.ts';
import { BAT_REGION, METADATA_REGION, REGION_REQUIRED } from '../format.ts';
import { readCurrentHeader } from '../header.ts';
import { clearEntriesBehind, clearIdlePlaces } from './bat-tidying.ts';
import { relink, type ParentIdentity } from './rebase.ts';

/** What each repair does to a file that is open for change. Those not listed come with opening and changing any file. */
const REPAIRS: Partial<Record<RepairKind, (editor: Editor, parent?: ParentIdentity) => void>> = {
  'region-tables': rewriteRegionTables,
  'region-flags': rewriteRegionTables,
  'bat-entries': (editor) => {
    clearEntriesBehind(editor);
    clearIdlePlaces(editor);
  },
  'parent-paths': (editor, parent) => {
    if (parent) relink(editor, parent, editor.layer.locator?.linkage[1]);
  },
};

/**
 * Repairs an open, writable file.
 *
 * @param parent the disk below, for `parent-paths`
 * @throws HyperfileError of `readLayer` when the file has faults that cannot be repaired
 */
export function repairFile(file: BlockFile, kinds: ReadonlySet<RepairKind>, parent?: ParentIdentity): void {
  // A log into which nothing was ever written keeps the file from being read at all.
  if (kinds.has('clear-log')) clearLog(file);
  const editor = openEditor(file);
  // Any change begins with both headers anew, and whole megabytes.
  if (kinds.size > 0) editor.begin('file');
  for (const kind of kinds) REPAIRS[kind]?.(editor, parent);
  editor.finish();
}

/**
 * Repairs a disk file of the host; the disks below it are only looked at.
 * @throws HyperfileError VHDX_IN_USE, those of {@link repairFile}, and for `parent-paths` those of `openLayers`
 */
export function repairDisk(filePath: string, kinds: ReadonlySet<RepairKind>): void {
  const locked = openLocked(filePath);
  try {
    repairFile(locked.file, kinds, kinds.has('parent-paths') ? parentOf(locked.file.path) : undefined);
  } finally {
    locked.close();
  }
}

function parentOf(childPath: string): ParentIdentity | undefined {
  const layers = openLayers(childPath);
  closeLayers(layers);
  const child = layers[0].locator?.linkage[0];
  const parent = layers[1];
  // The identity stays the one that is noted, also in the middle of a merge.
  return parent && { path: parent.path, dataWriteGuid: child ?? parent.dataWriteGuid };
}

function clearLog(file: BlockFile): void {
  const header = readCurrentHeader(file);
  new Headers(file, header, header.slot).update({ fileWriteGuid: randomGuid(), logGuid: ZERO_GUID });
}

/** Both copies alike, and our two regions marked as what they are. */
function rewriteRegionTables(editor: Editor): void {
  const required = [BAT_REGION, METADATA_REGION];
  replaceRegionTables(
    editor,
    editor.regions.entries.map((entry) =>
      required.includes(entry.guid) ? { ...entry, flags: entry.flags | REGION_REQUIRED } : entry,
    ),
  );
}
