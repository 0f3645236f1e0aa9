/** Clears entries of the block table that mean nothing, or say more than they should. */
import { readBytes } from '../../disk/block-file.ts';
import { isZero } from '../../disk/zeros.ts';
import type { Editor } from '../edit/editor.ts';
import { PAGE_BYTES } from '../edit/pages.ts';
import { BAT_ENTRY_BYTES, MIB } from '../format.ts';
import { bitmapEntryIndex, payloadEntryIndex } from '../geometry.ts';

/**
 * Makes all entries zero that lie behind the end of the disk, for example when it became smaller. In a differencing file
 * the last chunk's bitmap has its entry behind those of blocks that do not exist.
 */
export function clearEntriesBehind(editor: Editor): void {
  const { geometry } = editor.layer;
  const { bat } = editor.regions;
  const first = payloadEntryIndex(geometry, geometry.blockCount - 1) + 1;
  const kept = geometry.hasParent ? bitmapEntryIndex(geometry, geometry.chunkCount - 1) : undefined;
  for (let at = first * BAT_ENTRY_BYTES; at < bat.length;) {
    const end = Math.min(bat.length, at - (at % MIB) + MIB);
    const bytes = readBytes(editor.file, bat.fileOffset + at, end - at);
    if (!isZero(bytes, 0, bytes.length)) clearPages(editor, bytes, at, kept);
    at = end;
  }
  editor.commit();
}

/** Clears a piece of the table, page by page; `at` counts from the table's start. */
function clearPages(editor: Editor, bytes: Uint8Array, at: number, keptIndex: number | undefined): void {
  for (let done = 0; done < bytes.length;) {
    const count = Math.min(PAGE_BYTES - ((at + done) % PAGE_BYTES), bytes.length - done);
    const page = bytes.slice(done, done + count);
    const kept = keptIndex === undefined ? -1 : keptIndex * BAT_ENTRY_BYTES - at - done;
    const cleared = new Uint8Array(count);
    if (kept >= 0 && kept < count) cleared.set(page.subarray(kept, kept + BAT_ENTRY_BYTES), kept);
    if (Buffer.compare(page, cleared) !== 0) {
      editor.begin('file');
      editor.makeRoom(1);
      editor.pages.patch(editor.regions.bat.fileOffset + at + done, cleared);
    }
    done += count;
  }
}

/** Makes entries that have no data name no place: Hyper-V does not read files in which they do. */
export function clearIdlePlaces(editor: Editor): void {
  const { bat } = editor.regions;
  const { geometry } = editor.layer;
  const tableBytes = geometry.batEntryCount * BAT_ENTRY_BYTES;
  for (let at = 0; at < tableBytes; at += PAGE_BYTES) {
    const page = readBytes(editor.file, bat.fileOffset + at, Math.min(PAGE_BYTES, tableBytes - at));
    if (!clearPlaces(page)) continue;
    editor.begin('file');
    editor.makeRoom(1);
    editor.pages.patch(bat.fileOffset + at, page);
  }
  editor.commit();
}

/** NOT_PRESENT and ZERO are states without a place. Returns whether any entry of the page changed. */
function clearPlaces(page: Uint8Array): boolean {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  let changed = false;
  for (let at = 0; at < page.length; at += BAT_ENTRY_BYTES) {
    const low = view.getUint32(at, true);
    const state = low & 7;
    if (state !== 0 && state !== 2) continue;
    if (low >>> 20 === 0 && view.getUint32(at + 4, true) === 0) continue;
    view.setUint32(at, low & 0xfffff, true);
    view.setUint32(at + 4, 0, true);
    changed = true;
  }
  return changed;
}
