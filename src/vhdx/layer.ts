/** One VHDX file, opened for reading: checked as a whole, its tables in memory, its blocks still on disk. */
import path from 'node:path';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { decodeUtf16Padded } from '../bytes/utf16.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { openHostFile } from '../disk/host-file.ts';
import { readBat, type Bat } from './bat.ts';
import { FILE_SIGNATURE, fileIdentifier, MAX_FILE_BYTES, METADATA_TABLE_BYTES, MIB } from './format.ts';
import { geometryOf, type Geometry } from './geometry.ts';
import { readCurrentHeader } from './header.ts';
import { decodeLocator, type Locator } from './locator.ts';
import { readMetadata, type Metadata } from './metadata.ts';
import { problemAt } from './problems.ts';
import { readRegions } from './region.ts';

export interface Layer extends Bat {
  readonly path: string;
  readonly file: BlockFile;
  readonly fileBytes: number;
  readonly creator: string;
  readonly metadata: Metadata;
  readonly geometry: Geometry;
  /** The identity that children remember: changes whenever the disk's contents change. */
  readonly dataWriteGuid: string;
  /** Present exactly for a differencing disk. */
  readonly locator?: Locator;
}

/**
 * Opens a VHDX file for reading and checks everything but its payload. Nothing is written, ever.
 *
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO, and every VHDX code about a single file.
 */
export function openLayer(filePath: string): Layer {
  const absolute = path.resolve(filePath);
  const file = openHostFile(absolute);
  try {
    return readLayer(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** As {@link openLayer}, for a file that is open already. */
export function readLayer(file: BlockFile): Layer {
  const creator = readIdentifier(file);
  const fileBytes = file.sizeBytes();
  try {
    return readTables(file, fileBytes, creator);
  } catch (error) {
    if (!isHyperfileError(error, 'DISK_CUT_SHORT')) throw error;
    throw problemAt('VHDX_CUT_SHORT', file.path, fileBytes, 'the file ends in the middle of its own tables');
  }
}

function readIdentifier(file: BlockFile): string {
  const notVhdx = () => new HyperfileError('VHDX_NOT_VHDX', { data: { path: file.path } });
  if (file.sizeBytes() < FILE_SIGNATURE.length) throw notVhdx();
  const bytes = new Uint8Array(fileIdentifier.sizeBytes);
  file.readAt(bytes, 0, Math.min(bytes.length, file.sizeBytes()), 0);
  const { signature, creator } = fileIdentifier.decode(bytes);
  if (signature !== FILE_SIGNATURE) throw notVhdx();
  return decodeUtf16Padded(creator);
}

function readTables(file: BlockFile, fileBytes: number, creator: string): Layer {
  if (fileBytes > MAX_FILE_BYTES)
    throw problemAt('VHDX_BAT_CORRUPT', file.path, fileBytes, 'the file is too large');
  const header = readCurrentHeader(file);
  const regions = readRegions(file);
  if (regions.metadata.length < METADATA_TABLE_BYTES) {
    throw problemAt(
      'VHDX_METADATA_CORRUPT',
      file.path,
      regions.metadata.fileOffset,
      'its region is too small',
    );
  }
  const metadata = readMetadata(file, regions.metadata);
  const locator = readLocator(file, metadata, regions.metadata.fileOffset);
  const geometry = geometryOf(metadata);
  const taken = [
    { fileOffset: 0, length: MIB },
    ...(header.logLength > 0 ? [{ fileOffset: header.logOffset, length: header.logLength }] : []),
    regions.bat,
    regions.metadata,
    ...regions.others,
  ];
  return {
    ...readBat(file, regions.bat, geometry, taken),
    path: file.path,
    file,
    fileBytes,
    creator,
    metadata,
    geometry,
    dataWriteGuid: header.dataWriteGuid,
    ...(locator && { locator }),
  };
}

function readLocator(file: BlockFile, metadata: Metadata, regionOffset: number): Locator | undefined {
  if (!metadata.hasParent || metadata.locator === undefined) return undefined;
  const locator = decodeLocator(metadata.locator);
  if (typeof locator === 'string') throw problemAt('VHDX_LOCATOR_CORRUPT', file.path, regionOffset, locator);
  return locator;
}
