/** One VHDX file, opened for reading: checked as a whole, its tables in memory, its blocks still on disk. */
import path from 'node:path';
import { isHyperfileError } from '../base/error.ts';
import { ZERO_GUID } from '../bytes/guid.ts';
import { decodeUtf16Padded } from '../bytes/utf16.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { openHostFile } from '../disk/host-file.ts';
import { readBat, type Bat } from './bat.ts';
import { errorAt, STRICT, warningAt, type Findings } from './findings.ts';
import { FILE_SIGNATURE, fileIdentifier, MAX_FILE_BYTES } from './format.ts';
import { geometryOf, type Geometry } from './geometry.ts';
import { readCurrentHeader, type CurrentHeader } from './header.ts';
import { decodeLocator, type Locator } from './locator.ts';
import { overlayLog, type ReplayedLog } from './log/replay.ts';
import { readMetadata, type Metadata, type StoredMetadata } from './metadata.ts';
import { problemAt } from './problems.ts';
import { readRegions, type Regions } from './region.ts';
import { reserveTables } from './used-space.ts';

/** What a file says about itself: everything but where its blocks lie. */
export interface LayerTables {
  readonly path: string;
  /** With its log replayed, if need be. */
  readonly file: BlockFile;
  readonly fileBytes: number;
  readonly creator: string;
  /** The header that counts, with the place where it lies. */
  readonly header: CurrentHeader;
  readonly regions: Regions;
  readonly metadata: Metadata;
  /** Where the items of the metadata lie, those of others included. */
  readonly stored: Omit<StoredMetadata, 'metadata'>;
  readonly geometry: Geometry;
  /** The identity that children remember: changes whenever the disk's contents change. */
  readonly dataWriteGuid: string;
  /** Present exactly for a differencing disk, unless it is damaged and `findings` have let that pass. */
  readonly locator?: Locator;
  /** Present when the file was not closed cleanly: then its bytes on the host are not yet what is read here. */
  readonly replayedLog?: ReplayedLog;
}

export interface Layer extends LayerTables, Bat {}

/**
 * Opens a VHDX file for reading and checks everything but its payload. Nothing is written, ever.
 *
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO, and every VHDX code about a single file.
 */
export function openLayer(filePath: string): Layer {
  const file = openHostFile(path.resolve(filePath));
  try {
    return readLayer(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * As {@link openLayer}, for those who take the file as it is, not the disk in it: its log must be empty.
 * @throws HyperfileError also VHDX_LOG_NOT_EMPTY.
 */
export function openCleanLayer(filePath: string): Layer {
  const layer = openLayer(filePath);
  if (!layer.replayedLog) return layer;
  layer.file.close();
  throw problemAt('VHDX_LOG_NOT_EMPTY', layer.path, layer.header.logOffset);
}

/** As {@link openLayer}, for a file that is open already. */
export function readLayer(file: BlockFile): Layer {
  return readLayerDespite(file, STRICT);
}

/** As {@link readLayer}; `findings` may let pass what {@link readTables} reports. */
export function readLayerDespite(file: BlockFile, findings: Findings): Layer {
  const tables = readTables(file, findings);
  const { regions, geometry, header } = tables;
  const used = reserveTables(tables.file, header, regions);
  return { ...tables, ...readBat(tables.file, regions.bat, geometry, used) };
}

/**
 * Reads everything but the block table.
 * @throws HyperfileError for the first rule that is broken, unless `findings` go on; then also GivenUp.
 */
export function readTables(file: BlockFile, findings: Findings = STRICT): LayerTables {
  const creator = readIdentifier(file);
  const fileBytes = file.sizeBytes();
  if (fileBytes > MAX_FILE_BYTES) {
    throw problemAt('VHDX_FILE_TOO_LARGE', file.path, MAX_FILE_BYTES, { fileBytes });
  }
  try {
    return readParts(file, creator, findings);
  } catch (error) {
    if (!isHyperfileError(error, 'DISK_CUT_SHORT')) throw error;
    throw problemAt('VHDX_CUT_SHORT', file.path, fileBytes, { fileBytes });
  }
}

function readIdentifier(file: BlockFile): string {
  const notVhdx = () => problemAt('VHDX_NOT_VHDX', file.path, 0);
  if (file.sizeBytes() < FILE_SIGNATURE.length) throw notVhdx();
  const bytes = new Uint8Array(fileIdentifier.sizeBytes);
  file.readAt(bytes, 0, Math.min(bytes.length, file.sizeBytes()), 0);
  const { signature, creator } = fileIdentifier.decode(bytes);
  if (signature !== FILE_SIGNATURE) throw notVhdx();
  return decodeUtf16Padded(creator);
}

function readParts(onHost: BlockFile, creator: string, findings: Findings): LayerTables {
  const header = readCurrentHeader(onHost, findings);
  const { file, replayed: replayedLog } = withLog(onHost, header, findings);
  const regions = readRegions(file, findings);
  const { metadata, ...stored } = readMetadata(file, regions.metadata, findings);
  const { locator: item } = metadata;
  const locator = item && decodeLocator(item, file.path, stored.locatorOffset ?? 0, findings);
  return {
    path: file.path,
    file,
    fileBytes: file.sizeBytes(),
    creator,
    header,
    regions,
    metadata,
    stored,
    geometry: geometryOf(metadata),
    dataWriteGuid: header.dataWriteGuid,
    ...(locator && { locator }),
    ...(replayedLog && { replayedLog }),
  };
}

/** The log comes before anything is read that may be logged. */
function withLog(
  onHost: BlockFile,
  header: CurrentHeader,
  findings: Findings,
): { file: BlockFile; replayed?: ReplayedLog } {
  if (header.logGuid === ZERO_GUID) return { file: onHost };
  const overlay = overlayLog(onHost, header);
  const { logOffset } = header;
  if (overlay) findings.report(warningAt('VHDX_LOG_NOT_EMPTY', onHost.path, logOffset, {}, 'replay-log'));
  else findings.report({ ...errorAt('VHDX_LOG_UNUSED', onHost.path, logOffset), repair: 'clear-log' });
  return overlay ?? { file: onHost };
}
