/**
 * Where a file of ours keeps its parts, as Windows lays them out: log at 1 MiB, metadata at 2 MiB, block table at 3 MiB,
 * blocks right after it. Only pages that hold something are written; the rest stays a hole, so that an empty layer of a
 * large disk takes a few pages of its host.
 */
import { randomBytes } from 'node:crypto';
import { encodeUtf16 } from '../bytes/utf16.ts';
import { randomGuid, ZERO_GUID } from '../bytes/guid.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { writeBat, type Bat } from './bat.ts';
import {
  BAT_ENTRY_BYTES,
  FILE_SIGNATURE,
  fileIdentifier,
  HEADER_OFFSETS,
  MIB,
  REGION_TABLE_OFFSETS,
} from './format.ts';
import type { Geometry } from './geometry.ts';
import { encodeHeader } from './header.ts';
import { encodeMetadata, type Metadata } from './metadata.ts';
import { encodeRegionTable, type Region } from './region.ts';

const CREATOR = 'Hyperfile';
const PAGE_BYTES = 4096;
const LOG: Region = { fileOffset: MIB, length: MIB };
const METADATA: Region = { fileOffset: 2 * MIB, length: MIB };
const BAT_OFFSET = 3 * MIB;

function batRegion(geometry: Geometry): Region {
  const length = Math.ceil((geometry.batEntryCount * BAT_ENTRY_BYTES) / MIB) * MIB;
  return { fileOffset: BAT_OFFSET, length };
}

/** Where the first block of a file goes, in MiB. */
export function firstBlockMb(geometry: Geometry): number {
  return (BAT_OFFSET + batRegion(geometry).length) / MIB;
}

/** Writes the signature, so that a file that is never finished can be told from a file of something else. */
export function writeIdentifier(file: BlockFile): void {
  const creator = new Uint8Array(512);
  creator.set(encodeUtf16(CREATOR));
  const bytes = fileIdentifier.encode({ signature: FILE_SIGNATURE, creator });
  file.writeAt(bytes, 0, bytes.length, 0);
}

/**
 * Writes everything but identifier, sector bitmaps and payload. The headers come last: without them the file is
 * recognized as unfinished.
 */
export function writeTables(
  file: BlockFile,
  parts: {
    readonly metadata: Metadata;
    readonly geometry: Geometry;
    readonly bat: Pick<Bat, 'table' | 'bitmapMb'>;
    readonly dataWriteGuid: string;
  },
): void {
  const region = batRegion(parts.geometry);
  writeBat(file, region.fileOffset, parts.geometry, parts.bat);
  writePages(file, encodeMetadata(parts.metadata), METADATA.fileOffset);
  const regionTable = encodeRegionTable(region, METADATA);
  for (const fileOffset of REGION_TABLE_OFFSETS) writePages(file, regionTable, fileOffset);

  // Both headers agree but for their numbers; the second is the current one.
  const firstNumber = BigInt(randomBytes(4).readUInt32LE()) & ~1n;
  const shared = {
    fileWriteGuid: randomGuid(),
    dataWriteGuid: parts.dataWriteGuid,
    logGuid: ZERO_GUID,
    logVersion: 0,
    version: 1,
    logLength: LOG.length,
    logOffset: LOG.fileOffset,
  };
  HEADER_OFFSETS.forEach((fileOffset, i) => {
    writePages(file, encodeHeader({ ...shared, sequenceNumber: firstNumber + BigInt(i) }), fileOffset);
  });
}

/** Writes those pages of `bytes` that are not all zeros. */
function writePages(file: BlockFile, bytes: Uint8Array, fileOffset: number): void {
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const end = Math.min(bytes.length, at + PAGE_BYTES);
    if (!isZero(bytes, at, end)) file.writeAt(bytes, at, end - at, fileOffset + at);
  }
}
