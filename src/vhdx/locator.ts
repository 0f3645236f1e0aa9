/** The parent locator: how a differencing disk names its parent (MS-VHDX section 2.6.2.6). */
import path from 'node:path';
import { isGuid } from '../bytes/guid.ts';
import { decodeUtf16, encodeUtf16 } from '../bytes/utf16.ts';
import { locatorEntry, locatorHeader, VHDX_LOCATOR_TYPE } from './format.ts';

const MAX_PAIRS = 256;

export interface Locator {
  /** DataWriteGuids that the parent may have: one, or two while a merge is under way. */
  readonly linkage: readonly string[];
  /** Every key and value, as written. */
  readonly entries: ReadonlyMap<string, string>;
}

/** Reads a locator item. Returns what is wrong with it instead, as text. */
export function decodeLocator(item: Uint8Array): Locator | string {
  if (item.length < locatorHeader.sizeBytes) return 'the item is too short';
  const { type, keyValueCount } = locatorHeader.decode(item);
  if (type !== VHDX_LOCATOR_TYPE) return `the locator is of the unknown type ${type}`;
  if (keyValueCount === 0 || keyValueCount > MAX_PAIRS) return `${keyValueCount} entries`;
  const entries = new Map<string, string>();
  for (let i = 0; i < keyValueCount; i++) {
    const at = locatorHeader.sizeBytes + i * locatorEntry.sizeBytes;
    if (at + locatorEntry.sizeBytes > item.length) return 'its table is longer than the item';
    const { keyOffset, keyLength, valueOffset, valueLength } = locatorEntry.decode(item.subarray(at));
    const key = textAt(item, keyOffset, keyLength);
    const value = textAt(item, valueOffset, valueLength);
    if (key === undefined || value === undefined) return 'an entry lies outside the item';
    if (entries.has(key)) return `the entry ${key} is there twice`;
    entries.set(key, value);
  }
  const linkage = [entries.get('parent_linkage'), entries.get('parent_linkage2')].flatMap(linkageGuid);
  return linkage.length === 0 ? 'the identity of the parent is missing' : { linkage, entries };
}

function textAt(item: Uint8Array, offset: number, length: number): string | undefined {
  if (offset === 0 || length === 0 || length % 2 !== 0 || offset + length > item.length) return undefined;
  return decodeUtf16(item.subarray(offset, offset + length));
}

function linkageGuid(text: string | undefined): string[] {
  const guid = text?.replace(/^\{(.*)\}$/, '$1').toLowerCase() ?? '';
  return isGuid(guid) ? [guid] : [];
}

/** The bytes of a locator item. */
export function encodeLocator(entries: ReadonlyMap<string, string>): Uint8Array {
  const tableBytes = locatorHeader.sizeBytes + entries.size * locatorEntry.sizeBytes;
  const pairs = [...entries].map(([key, value]) => ({ key: encodeUtf16(key), value: encodeUtf16(value) }));
  const textBytes = pairs.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const item = new Uint8Array(tableBytes + textBytes);
  locatorHeader.encode({ type: VHDX_LOCATOR_TYPE, reserved: 0, keyValueCount: pairs.length }, item);
  let end = tableBytes;
  pairs.forEach(({ key, value }, i) => {
    const valueOffset = end + key.length;
    item.set(key, end);
    item.set(value, valueOffset);
    const entry = { keyOffset: end, valueOffset, keyLength: key.length, valueLength: value.length };
    locatorEntry.encode(entry, item.subarray(locatorHeader.sizeBytes + i * locatorEntry.sizeBytes));
    end = valueOffset + value.length;
  });
  return item;
}

/** The entries a child at `childPath` gets for its parent. */
export function locatorFor(
  childPath: string,
  parentPath: string,
  parentDataWriteGuid: string,
): Map<string, string> {
  return new Map([
    ['parent_linkage', `{${parentDataWriteGuid}}`],
    ['relative_path', relativeWindowsPath(path.dirname(childPath), parentPath)],
    ['absolute_win32_path', absoluteWindowsPath(parentPath)],
  ]);
}

function relativeWindowsPath(folder: string, parentPath: string): string {
  const relative = path.relative(folder, path.resolve(parentPath)).replaceAll('/', '\\');
  return relative.startsWith('..') ? relative : `.\\${relative}`;
}

/**
 * Readers that know only absolute paths take the base name and look beside the child. Elsewhere than on Windows no such
 * path exists, and where the host keeps its files is nobody's business: only the name in it is true.
 */
function absoluteWindowsPath(parentPath: string): string {
  if (process.platform !== 'win32') return `\\\\?\\C:\\hyperfile\\${path.basename(parentPath)}`;
  const absolute = path.resolve(parentPath);
  return absolute.startsWith('\\\\') ? `\\\\?\\UNC\\${absolute.slice(2)}` : `\\\\?\\${absolute}`;
}

/** Where the parent may be, most trusted first, without repeats. */
export function parentCandidates(childPath: string, locator: Locator): string[] {
  const folder = path.dirname(path.resolve(childPath));
  const named = ['relative_path', 'volume_path', 'absolute_win32_path'].flatMap(
    (key) => locator.entries.get(key) ?? [],
  );
  const relative = locator.entries.get('relative_path');
  const candidates = relative === undefined ? [] : [path.resolve(folder, relative.replaceAll('\\', '/'))];
  if (process.platform === 'win32') candidates.push(...named.filter((name) => name !== relative));
  candidates.push(...named.map((name) => path.join(folder, path.win32.basename(name))));
  return [...new Set(candidates)];
}
