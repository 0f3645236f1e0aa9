/** The region table: where block table and metadata lie (MS-VHDX section 2.2.3). */
import { HyperfileError } from '../base/error.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
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
}

/**
 * Reads the first region table with a valid checksum.
 * @throws HyperfileError VHDX_REGION_CORRUPT, VHDX_UNKNOWN_FEATURE, VHDX_CUT_SHORT.
 */
export function readRegions(file: BlockFile): Regions {
  for (const fileOffset of REGION_TABLE_OFFSETS) {
    const bytes = readBytes(file, fileOffset, REGION_TABLE_BYTES);
    const header = regionTableHeader.decode(bytes);
    if (header.signature !== REGION_SIGNATURE || header.checksum !== checksumOf(bytes)) continue;
    if (header.entryCount > MAX_TABLE_ENTRIES) {
      throw problemAt('VHDX_REGION_CORRUPT', file.path, fileOffset, `${header.entryCount} entries`);
    }
    return readEntries(file, fileOffset, bytes, header.entryCount);
  }
  throw problemAt(
    'VHDX_REGION_CORRUPT',
    file.path,
    REGION_TABLE_OFFSETS[0],
    'neither copy has a valid checksum',
  );
}

function readEntries(file: BlockFile, tableOffset: number, bytes: Uint8Array, entryCount: number): Regions {
  const known = new Map<string, Region>();
  const others: Region[] = [];
  const fileBytes = file.sizeBytes();
  for (let i = 0; i < entryCount; i++) {
    const at = regionTableHeader.sizeBytes + i * regionEntry.sizeBytes;
    const { guid, fileOffset, length, flags } = regionEntry.decode(bytes.subarray(at));
    const fail = (problem: string) => problemAt('VHDX_REGION_CORRUPT', file.path, tableOffset + at, problem);
    if (known.has(guid)) throw fail(`region ${guid} is listed twice`);
    if (fileOffset % MIB !== 0 || fileOffset < MIB || length % MIB !== 0 || length === 0) {
      throw fail(`region ${guid} does not lie on whole megabytes`);
    }
    if (fileOffset + length > fileBytes) {
      throw problemAt(
        'VHDX_CUT_SHORT',
        file.path,
        tableOffset + at,
        `region ${guid} lies past the end of the file`,
      );
    }
    known.set(guid, { fileOffset, length });
    if (guid === BAT_REGION || guid === METADATA_REGION) continue;
    if (flags & REGION_REQUIRED) {
      throw new HyperfileError('VHDX_UNKNOWN_FEATURE', {
        data: { path: file.path, feature: `region ${guid}` },
      });
    }
    others.push({ fileOffset, length });
  }
  const bat = known.get(BAT_REGION);
  const metadata = known.get(METADATA_REGION);
  if (!bat || !metadata) {
    const missing = bat ? 'the metadata region' : 'the block table';
    throw problemAt('VHDX_REGION_CORRUPT', file.path, tableOffset, `${missing} is not listed`);
  }
  return { bat, metadata, others };
}

/** The bytes of a region table with our two regions, in the order Windows writes them. */
export function encodeRegionTable(bat: Region, metadata: Region): Uint8Array {
  const bytes = new Uint8Array(REGION_TABLE_BYTES);
  const entries = [
    { guid: BAT_REGION, ...bat, flags: REGION_REQUIRED },
    { guid: METADATA_REGION, ...metadata, flags: REGION_REQUIRED },
  ];
  const header = { signature: REGION_SIGNATURE, checksum: 0, entryCount: entries.length, reserved: 0 };
  regionTableHeader.encode(header, bytes);
  entries.forEach((entry, i) => {
    regionEntry.encode(entry, bytes.subarray(regionTableHeader.sizeBytes + i * regionEntry.sizeBytes));
  });
  return withChecksum(bytes);
}
