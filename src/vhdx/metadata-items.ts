/** The metadata table: which items there are, and where (MS-VHDX section 2.6.1). */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import { ZERO_GUID } from '../bytes/guid.ts';
import type { Struct } from '../bytes/struct.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { errorAt, type Findings } from './findings.ts';
import {
  ITEM,
  ITEM_IS_REQUIRED,
  ITEM_IS_USER,
  ITEM_IS_VIRTUAL_DISK,
  MAX_ITEM_BYTES,
  MAX_SYSTEM_ITEMS,
  MAX_TABLE_ENTRIES,
  MAX_USER_ITEMS,
  METADATA_SIGNATURE,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTableHeader,
  type MetadataEntry,
} from './format.ts';
import { problemAt } from './problems.ts';
import type { Region } from './region.ts';

export type ItemName = keyof typeof ITEM;

const OF_DISK = ITEM_IS_REQUIRED | ITEM_IS_VIRTUAL_DISK;
/** The flags that items have; of others the specification says nothing. */
export const ITEM_FLAGS = {
  fileParameters: ITEM_IS_REQUIRED,
  virtualDiskSize: OF_DISK,
  logicalSectorSize: OF_DISK,
  physicalSectorSize: OF_DISK,
  virtualDiskId: OF_DISK,
  parentLocator: ITEM_IS_REQUIRED,
  incompleteFile: ITEM_IS_REQUIRED,
} as const satisfies Partial<Record<ItemName, number>>;

const ALL_FLAGS = ITEM_IS_USER | ITEM_IS_VIRTUAL_DISK | ITEM_IS_REQUIRED;
const NAMES = new Map<string, ItemName>(Object.entries(ITEM).map(([name, id]) => [id, name as ItemName]));

/**
 * Reads the table and checks every entry of it; contents are read when they are asked for.
 * @throws HyperfileError VHDX_METADATA_*, VHDX_ITEM_* for the first rule that is broken, unless `findings` go on.
 */
export function readItems(file: BlockFile, region: Region, findings: Findings): Items {
  const table = readBytes(file, region.fileOffset, METADATA_TABLE_BYTES);
  const header = metadataTableHeader.decode(table);
  if (header.signature !== METADATA_SIGNATURE) {
    throw problemAt('VHDX_METADATA_SIGNATURE', file.path, region.fileOffset);
  }
  if (header.entryCount > MAX_TABLE_ENTRIES) {
    const data = { count: header.entryCount, kind: 'table', limit: MAX_TABLE_ENTRIES };
    throw problemAt('VHDX_METADATA_COUNT', file.path, region.fileOffset, data);
  }
  if (header.reserved !== 0 || !isZero(header.reserved2, 0, header.reserved2.length)) {
    findings.report(errorAt('VHDX_METADATA_RESERVED', file.path, region.fileOffset));
  }
  const entries = Array.from({ length: header.entryCount }, (_, i) =>
    metadataEntry.decode(table.subarray(entryOffset(i))),
  );
  const items = new Items(file, region, entries, findings);
  items.check();
  return items;
}

function entryOffset(index: number): number {
  return metadataTableHeader.sizeBytes + index * metadataEntry.sizeBytes;
}

/** The items of a file, those of others included. */
export class Items {
  readonly entries: readonly MetadataEntry[];
  readonly #file: BlockFile;
  readonly #region: Region;
  readonly #findings: Findings;
  /** The known items that are listed; those whose place is impossible have no entry. */
  readonly #known = new Map<ItemName, MetadataEntry | undefined>();

  constructor(file: BlockFile, region: Region, entries: readonly MetadataEntry[], findings: Findings) {
    this.#file = file;
    this.#region = region;
    this.entries = entries;
    this.#findings = findings;
  }

  /** Reports every entry that breaks a rule, and learns which items there are. */
  check(): void {
    this.#checkCounts();
    this.#checkEntries();
    this.#checkOverlaps();
  }

  get path(): string {
    return this.#file.path;
  }

  has(name: ItemName): boolean {
    return this.#known.has(name);
  }

  /** Where an item lies in the file; where the table lies when there is no such item. */
  offsetOf(name: ItemName): number {
    return this.#region.fileOffset + (this.#known.get(name)?.offset ?? 0);
  }

  /** An item's bytes, if they are there. */
  bytes(name: ItemName): Uint8Array | undefined {
    const entry = this.#known.get(name);
    return entry && readBytes(this.#file, this.#region.fileOffset + entry.offset, entry.length);
  }

  /** An item of fixed length. Reports when it is missing or has another length, and returns nothing then. */
  content<T>(name: ItemName, form: Struct<T>): T | undefined {
    if (!this.has(name)) this.#report('VHDX_ITEM_MISSING', 0, { item: name });
    const bytes = this.bytes(name);
    if (bytes === undefined) return undefined;
    if (bytes.length === form.sizeBytes) return form.decode(bytes);
    const data = { item: name, length: bytes.length, expected: form.sizeBytes };
    this.#report('VHDX_ITEM_LENGTH', this.offsetOf(name) - this.#region.fileOffset, data);
    return undefined;
  }

  #report(code: ErrorCode, offset: number, data: ErrorData = {}): void {
    this.#findings.report(errorAt(code, this.#file.path, this.#region.fileOffset + offset, data));
  }

  #checkCounts(): void {
    const users = this.entries.filter(({ flags }) => flags & ITEM_IS_USER).length;
    const systems = this.entries.length - users;
    for (const [kind, count, limit] of [
      ['user', users, MAX_USER_ITEMS],
      ['system', systems, MAX_SYSTEM_ITEMS],
    ] as const) {
      if (count > limit) this.#report('VHDX_METADATA_COUNT', 0, { kind, count, limit });
    }
  }

  #checkEntries(): void {
    const listed = new Set<string>();
    for (const [i, entry] of this.entries.entries()) {
      const { itemId, flags } = entry;
      const at = entryOffset(i);
      const isUser = (flags & ITEM_IS_USER) !== 0;
      const name = isUser ? undefined : NAMES.get(itemId);
      const item = name ?? itemId;
      if (itemId === ZERO_GUID) this.#report('VHDX_ITEM_ID', at);
      const isPossible = this.#checkPlace(at, item, entry);
      this.#checkFlags(at, item, entry, isUser, name);
      const key = `${isUser} ${itemId}`;
      if (listed.has(key)) this.#report('VHDX_ITEM_DUPLICATE', at, { item });
      else if (name !== undefined) this.#known.set(name, isPossible ? entry : undefined);
      listed.add(key);
    }
  }

  #checkPlace(at: number, item: string, { offset, length }: MetadataEntry): boolean {
    if (length > MAX_ITEM_BYTES) {
      this.#report('VHDX_ITEM_TOO_LONG', at, { item, length });
      return false;
    }
    const isPossible =
      length === 0 ? offset === 0 : offset >= METADATA_TABLE_BYTES && offset + length <= this.#region.length;
    if (!isPossible) this.#report('VHDX_ITEM_PLACE', at, { item, offset, length });
    return isPossible;
  }

  #checkFlags(at: number, item: string, entry: MetadataEntry, isUser: boolean, name?: ItemName): void {
    const { flags, reserved } = entry;
    if (flags & ~ALL_FLAGS || reserved !== 0) this.#report('VHDX_METADATA_RESERVED', at, { item });
    const isRequired = (flags & ITEM_IS_REQUIRED) !== 0;
    const expected =
      name !== undefined && name in ITEM_FLAGS ? ITEM_FLAGS[name as keyof typeof ITEM_FLAGS] : undefined;
    const isWrong = isUser ? isRequired : expected !== undefined && (flags & ALL_FLAGS) !== expected;
    if (isWrong) this.#report('VHDX_ITEM_FLAGS', at, { item, flags });
    if (!isUser && name === undefined && isRequired) this.#report('VHDX_ITEM_UNKNOWN', at, { item });
  }

  #checkOverlaps(): void {
    const placed = this.entries
      .map((entry, i) => ({ ...entry, at: entryOffset(i) }))
      .filter(({ length }) => length > 0)
      .sort((a, b) => a.offset - b.offset);
    let last: (typeof placed)[number] | undefined;
    for (const entry of placed) {
      if (last && entry.offset < last.offset + last.length) {
        this.#report('VHDX_ITEM_OVERLAP', entry.at, { item: nameOf(entry), other: nameOf(last) });
      }
      if (!last || entry.offset + entry.length > last.offset + last.length) last = entry;
    }
  }
}

function nameOf({ itemId, flags }: MetadataEntry): string {
  return (flags & ITEM_IS_USER) === 0 ? (NAMES.get(itemId) ?? itemId) : itemId;
}
