/** The parent locator: how a differencing disk names its parent (MS-VHDX section 2.6.2.6). */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import { isGuid } from '../bytes/guid.ts';
import { decodeUtf16, encodeUtf16 } from '../bytes/utf16.ts';
import { errorAt, STRICT, type Findings } from './findings.ts';
import { locatorEntry, locatorHeader, MAX_LOCATOR_ENTRIES, VHDX_LOCATOR_TYPE } from './format.ts';

export interface Locator {
  /** DataWriteGuids that the parent may have: one, or two while a merge is under way. */
  readonly linkage: readonly string[];
  /** Every key and value, as written. */
  readonly entries: ReadonlyMap<string, string>;
}

/** The keys that hold a path to the parent, most trusted first. */
export const PATH_KEYS = ['relative_path', 'volume_path', 'absolute_win32_path'] as const;

/** Says that a rule is broken by what lies at `offset` of the item. */
type Report = (code: ErrorCode, offset: number, data?: ErrorData) => void;

/**
 * Reads a locator item that lies at `fileOffset` of the file `filePath`. Nothing when it cannot be used.
 * @throws HyperfileError VHDX_LOCATOR_* for the first rule that is broken, unless `findings` go on.
 */
export function decodeLocator(
  item: Uint8Array,
  filePath: string,
  fileOffset: number,
  findings: Findings = STRICT,
): Locator | undefined {
  const report: Report = (code, offset, data) =>
    findings.report(errorAt(code, filePath, fileOffset + offset, data));
  const entries = readEntries(item, report);
  if (entries === undefined) return undefined;
  const linkage = [entries.get('parent_linkage'), entries.get('parent_linkage2')].flatMap(linkageGuid);
  if (linkage.length === 0) report('VHDX_LOCATOR_LINKAGE', 0);
  if (!PATH_KEYS.some((key) => entries.has(key))) report('VHDX_LOCATOR_PATH', 0);
  return linkage.length === 0 ? undefined : { linkage, entries };
}

function readEntries(item: Uint8Array, report: Report): Map<string, string> | undefined {
  const { length } = item;
  if (length < locatorHeader.sizeBytes) return void report('VHDX_LOCATOR_TABLE', 0, { length, count: 1 });
  const { type, reserved, keyValueCount: count } = locatorHeader.decode(item);
  if (type !== VHDX_LOCATOR_TYPE) return void report('VHDX_LOCATOR_TYPE', 0, { type });
  const tableBytes = locatorHeader.sizeBytes + count * locatorEntry.sizeBytes;
  if (count === 0 || count > MAX_LOCATOR_ENTRIES || tableBytes > length) {
    return void report('VHDX_LOCATOR_TABLE', 0, { length, count });
  }
  if (reserved !== 0) report('VHDX_LOCATOR_RESERVED', 0);
  const entries = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const at = locatorHeader.sizeBytes + i * locatorEntry.sizeBytes;
    const { keyOffset, keyLength, valueOffset, valueLength } = locatorEntry.decode(item.subarray(at));
    const key = textAt(item, keyOffset, keyLength);
    const value = textAt(item, valueOffset, valueLength);
    if (key === undefined || value === undefined) report('VHDX_LOCATOR_ENTRY', at, { entry: i });
    else if (entries.has(key)) report('VHDX_LOCATOR_DUPLICATE', at, { key });
    else entries.set(key, value);
  }
  return entries;
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
