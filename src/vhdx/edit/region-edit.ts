/** Changes a file's region tables, both copies at once, and moves the block table. */
import { readBytes } from '../../disk/block-file.ts';
import { BAT_REGION, MIB, REGION_TABLE_OFFSETS, type RegionEntry } from '../format.ts';
import { encodeRegionEntries } from '../region.ts';
import type { Editor } from './editor.ts';
import { PAGE_BYTES } from './pages.ts';

/** Writes both tables anew. The editor must have begun; the change comes with its next commit. */
export function replaceRegionTables(editor: Editor, entries: readonly RegionEntry[]): void {
  const table = encodeRegionEntries(entries);
  for (const fileOffset of REGION_TABLE_OFFSETS) {
    const before = editor.pages.read(fileOffset, table.length);
    for (let at = 0; at < table.length; at += PAGE_BYTES) {
      const page = table.subarray(at, at + PAGE_BYTES);
      if (Buffer.compare(page, before.subarray(at, at + PAGE_BYTES)) === 0) continue;
      editor.pages.patch(fileOffset + at, page);
    }
  }
  editor.regions = { ...editor.regions, entries };
}

/**
 * Moves the block table to a place of `length` bytes, which is more than it had or the same; what it gains is zeros. Nothing
 * may wait for a commit; the move itself comes with the next one.
 */
export function moveBat(editor: Editor, fileOffset: number, length: number): void {
  const { bat, entries } = editor.regions;
  for (let at = 0; at < length; at += MIB) {
    const piece = at < bat.length ? readBytes(editor.file, bat.fileOffset + at, MIB) : new Uint8Array(MIB);
    editor.file.writeAt(piece, 0, MIB, fileOffset + at);
  }
  editor.space.giveUp({ fileMb: bat.fileOffset / MIB, countMb: bat.length / MIB });
  replaceRegionTables(
    editor,
    entries.map((entry) => (entry.guid === BAT_REGION ? { ...entry, fileOffset, length } : entry)),
  );
  editor.regions = { ...editor.regions, bat: { fileOffset, length } };
}
