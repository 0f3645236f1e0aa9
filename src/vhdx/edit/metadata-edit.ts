/** Changes single items of a file's metadata through its log; items of others stay as they are. */
import { HyperfileError } from '../../base/error.ts';
import {
  ITEM,
  ITEM_IS_USER,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTableHeader,
  type MetadataEntry,
} from '../format.ts';
import type { Editor } from './editor.ts';

/**
 * Replaces an item that the file has. The editor must have begun; the change comes with its next commit.
 * @throws HyperfileError VHDX_METADATA_FULL when the new content is longer and finds no room.
 */
export function replaceItem(editor: Editor, name: keyof typeof ITEM, content: Uint8Array): void {
  const { metadata } = editor.regions;
  const { entries } = editor.layer.stored;
  const index = entries.findIndex(
    ({ itemId, flags }) => itemId === ITEM[name] && (flags & ITEM_IS_USER) === 0,
  );
  if (index === -1) throw new Error(`the item ${name} of a file that was opened is missing`);
  const entry = entries[index];
  const offset = roomFor(content.length, entry, entries, metadata.length);
  if (offset === undefined) {
    const data = { path: editor.file.path, bytes: content.length - entry.length };
    throw new HyperfileError('VHDX_METADATA_FULL', { data });
  }
  editor.pages.patch(metadata.fileOffset + offset, content);
  const changed = { ...entry, offset, length: content.length };
  const at = metadataTableHeader.sizeBytes + index * metadataEntry.sizeBytes;
  editor.pages.patch(metadata.fileOffset + at, metadataEntry.encode(changed));
}

/** Where in the region an item of `length` bytes can go: its old place if that is long enough, else behind all others. */
function roomFor(
  length: number,
  own: MetadataEntry,
  entries: readonly MetadataEntry[],
  regionLength: number,
): number | undefined {
  const others = entries
    .filter((entry) => entry !== own && entry.length > 0)
    .sort((a, b) => a.offset - b.offset);
  const fits = (start: number) => {
    const next = others.find(({ offset, length: otherLength }) => offset + otherLength > start);
    return start + length <= Math.min(regionLength, next?.offset ?? regionLength);
  };
  const starts = [own.offset, METADATA_TABLE_BYTES, ...others.map((other) => other.offset + other.length)];
  return starts.find((start) => start >= METADATA_TABLE_BYTES && fits(start));
}
