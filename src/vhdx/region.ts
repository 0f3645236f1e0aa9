/** The region table: where block table and metadata lie (MS-VHDX section 2.2.3). */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { errorAt, GivenUp, STRICT, warningAt, type Findings } from './findings.ts';
import {
  BAT_REGION,
  MAX_TABLE_ENTRIES,
  METADATA_REGION,
  MIB,
  REGION_REQUIRED,
  REGION_SIGNATURE,
  REGION_TABLE_BYTES,
  REGION_TABLE_OFFSETS,
  regionEntry,
  regionTableHeader,
  type RegionEntry,
} from './format.ts';
import { checksumOf, withChecksum } from './header.ts';
import { problemAt } from './problems.ts';

/** A stretch of the file, both in bytes and on whole megabytes. */
export interface Region {
  readonly fileOffset: number;
  readonly length: number;
}

export interface Regions {
  readonly bat: Region;
  readonly metadata: Region;
  /** Optional regions of others: never touched, but nothing else may lie there. */
  readonly others: readonly Region[];
  /** The whole table as it is, for whoever writes it again. */
  readonly entries: readonly RegionEntry[];
}

/**
 * Reads the first region table with a valid checksum.
 * @throws HyperfileError VHDX_REGION_* for the first rule that is broken, unless `findings` go on.
 */
export function readRegions(file: BlockFile, findings: Findings = STRICT): Regions {
  const { fileOffset, table } = chooseTable(file, findings);
  const { entryCount, reserved } = regionTableHeader.decode(table);
  if (entryCount > MAX_TABLE_ENTRIES) {
    const data = { count: entryCount, limit: MAX_TABLE_ENTRIES };
    throw problemAt('VHDX_REGION_COUNT', file.path, fileOffset, data);
  }
  if (reserved !== 0) findings.report(errorAt('VHDX_REGION_RESERVED', file.path, fileOffset));
  const entries = Array.from({ length: entryCount }, (_, i) =>
    regionEntry.decode(table.subarray(entryOffset(i))),
  );
  return checkEntries(file, fileOffset, entries, findings);
}

/** The copy that counts. */
function chooseTable(file: BlockFile, findings: Findings): { fileOffset: number; table: Uint8Array } {
  const [first, second] = REGION_TABLE_OFFSETS;
  const one = readWhole(file, first);
  if (one !== undefined && !findings.isThorough) return { fileOffset: first, table: one };
  const two = readWhole(file, second);
  const warn = (code: ErrorCode, fileOffset: number, data: ErrorData = {}) =>
    findings.report(warningAt(code, file.path, fileOffset, data, 'region-tables'));
  if (one === undefined) {
    if (two === undefined) throw problemAt('VHDX_REGION_TABLES_DAMAGED', file.path, first);
    warn('VHDX_REGION_TABLE_DAMAGED', first, { copy: 1 });
    return { fileOffset: second, table: two };
  }
  if (two === undefined) warn('VHDX_REGION_TABLE_DAMAGED', second, { copy: 2 });
  else if (Buffer.compare(one, two) !== 0) warn('VHDX_REGION_TABLES_DIFFER', second);
  return { fileOffset: first, table: one };
}

/** A table whose checksum is right. */
function readWhole(file: BlockFile, fileOffset: number): Uint8Array | undefined {
  const bytes = readBytes(file, fileOffset, REGION_TABLE_BYTES);
  const { signature, checksum } = regionTableHeader.decode(bytes);
  return signature === REGION_SIGNATURE && checksum === checksumOf(bytes) ? bytes : undefined;
}

function entryOffset(index: number): number {
  return regionTableHeader.sizeBytes + index * regionEntry.sizeBytes;
}

function checkEntries(
  file: BlockFile,
  tableOffset: number,
  entries: readonly RegionEntry[],
  findings: Findings,
): Regions {
  const listed = new Set<string>();
  const usable = new Map<string, Region>();
  for (const [i, entry] of entries.entries()) {
    const at = tableOffset + entryOffset(i);
    const region = entry.guid;
    if (listed.has(region)) {
      findings.report(errorAt('VHDX_REGION_DUPLICATE', file.path, at, { region }));
      continue;
    }
    listed.add(region);
    if (checkEntry(file, at, entry, findings)) usable.set(region, placeOf(entry));
  }
  for (const [guid, what] of [
    [BAT_REGION, 'block table'],
    [METADATA_REGION, 'metadata region'],
  ] as const) {
    if (!listed.has(guid)) findings.report(errorAt('VHDX_REGION_MISSING', file.path, tableOffset, { what }));
  }
  const [bat, metadata] = [usable.get(BAT_REGION), usable.get(METADATA_REGION)];
  if (!bat || !metadata) throw new GivenUp();
  usable.delete(BAT_REGION);
  usable.delete(METADATA_REGION);
  return { bat, metadata, others: [...usable.values()], entries };
}

/** Reports what is wrong with an entry; true when the region lies where a region can. */
function checkEntry(file: BlockFile, at: number, entry: RegionEntry, findings: Findings): boolean {
  const { guid: region, fileOffset, length, flags } = entry;
  const isOurs = region === BAT_REGION || region === METADATA_REGION;
  const isRequired = (flags & REGION_REQUIRED) !== 0;
  if (flags & ~REGION_REQUIRED) findings.report(errorAt('VHDX_REGION_RESERVED', file.path, at, { region }));
  const isPossible = fileOffset % MIB === 0 && fileOffset >= MIB && length % MIB === 0 && length !== 0;
  const isInside = fileOffset + length <= file.sizeBytes();
  if (!isPossible) {
    findings.report(errorAt('VHDX_REGION_PLACE', file.path, at, { region, offset: fileOffset, length }));
  } else if (!isInside) findings.report(errorAt('VHDX_REGION_PAST_END', file.path, at, { region }));
  if (!isOurs && isRequired) findings.report(errorAt('VHDX_REGION_UNKNOWN', file.path, at, { region }));
  if (isOurs && !isRequired) {
    findings.report(warningAt('VHDX_REGION_OPTIONAL', file.path, at, { region }, 'region-flags'));
  }
  return isPossible && isInside;
}

function placeOf({ fileOffset, length }: RegionEntry): Region {
  return { fileOffset, length };
}

/** The bytes of a region table with our two regions, in the order Windows writes them. */
export function encodeRegionTable(bat: Region, metadata: Region): Uint8Array {
  return encodeRegionEntries([
    { guid: BAT_REGION, ...bat, flags: REGION_REQUIRED },
    { guid: METADATA_REGION, ...metadata, flags: REGION_REQUIRED },
  ]);
}

/** The bytes of a region table with any entries. */
export function encodeRegionEntries(entries: readonly RegionEntry[]): Uint8Array {
  const bytes = new Uint8Array(REGION_TABLE_BYTES);
  const header = { signature: REGION_SIGNATURE, checksum: 0, entryCount: entries.length, reserved: 0 };
  regionTableHeader.encode(header, bytes);
  entries.forEach((entry, i) => regionEntry.encode(entry, bytes.subarray(entryOffset(i))));
  return withChecksum(bytes);
}
