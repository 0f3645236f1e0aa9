/** The metadata region: what the items say about the disk (MS-VHDX section 2.6.2). */
import type { ErrorCode } from '../base/codes/index.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { errorAt, GivenUp, STRICT, type Findings } from './findings.ts';
import {
  fileParametersItem,
  HAS_PARENT,
  ITEM,
  LEAVE_BLOCKS_ALLOCATED,
  METADATA_SIGNATURE,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTableHeader,
  sectorSizeItem,
  virtualDiskIdItem,
  virtualDiskSizeItem,
  type MetadataEntry,
} from './format.ts';
import { isSectorSize, shapeProblems, type DiskShape, type ShapeProblem } from './geometry.ts';
import { ITEM_FLAGS, readItems, type Items } from './metadata-items.ts';
import { problemAt } from './problems.ts';
import type { Region } from './region.ts';

export interface Metadata extends DiskShape {
  readonly physicalSectorBytes: number;
  /** The disk's identity to its guest (SCSI page 83), equal in a whole chain. */
  readonly virtualDiskId: string;
  /** A fixed disk: no block may be given back. */
  readonly leaveBlocksAllocated: boolean;
  /** The parent locator item, still encoded; present exactly when there is a parent. */
  readonly locator?: Uint8Array;
}

/** Metadata as they lie in a file. */
export interface StoredMetadata {
  readonly metadata: Metadata;
  /** The whole table as it is, items of others included. Offsets count from the start of the region. */
  readonly entries: readonly MetadataEntry[];
  /** Where the file parameters lie in the file. */
  readonly parametersOffset: number;
  /** Where the parent locator lies in the file; present when the file has one, needed or not. */
  readonly locatorOffset?: number;
}

const SHAPE_CODES = {
  sectors: 'VHDX_SECTOR_SIZE',
  blocks: 'VHDX_BLOCK_SIZE',
  size: 'VHDX_DISK_SIZE',
} as const satisfies Record<ShapeProblem['what'], ErrorCode>;
const SHAPE_ITEMS = {
  sectors: 'logicalSectorSize',
  blocks: 'fileParameters',
  size: 'virtualDiskSize',
} as const satisfies Record<ShapeProblem['what'], keyof typeof ITEM>;

/**
 * Reads and checks the items.
 * @throws HyperfileError VHDX_METADATA_*, VHDX_ITEM_*, VHDX_PARAMETERS_RESERVED, VHDX_BLOCK_SIZE, VHDX_DISK_SIZE,
 *   VHDX_SECTOR_SIZE, VHDX_LOCATOR_MISSING for the first rule that is broken, unless `findings` go on; VHDX_UNFINISHED.
 */
export function readMetadata(file: BlockFile, region: Region, findings: Findings = STRICT): StoredMetadata {
  const items = readItems(file, region, findings);
  if (items.has('incompleteFile'))
    throw problemAt('VHDX_UNFINISHED', file.path, items.offsetOf('incompleteFile'));
  const metadata = describedBy(items, findings);
  const locatorOffset = items.has('parentLocator') ? items.offsetOf('parentLocator') : undefined;
  return {
    metadata,
    entries: items.entries,
    parametersOffset: items.offsetOf('fileParameters'),
    ...(locatorOffset !== undefined && { locatorOffset }),
  };
}

function describedBy(items: Items, findings: Findings): Metadata {
  const parameters = items.content('fileParameters', fileParametersItem);
  const size = items.content('virtualDiskSize', virtualDiskSizeItem);
  const logical = items.content('logicalSectorSize', sectorSizeItem);
  const physical = items.content('physicalSectorSize', sectorSizeItem);
  const identity = items.content('virtualDiskId', virtualDiskIdItem);
  if (!parameters || !size || !logical || !physical || !identity) throw new GivenUp();
  const { blockBytes, flags } = parameters;
  const locator = (flags & HAS_PARENT) !== 0 ? items.bytes('parentLocator') : undefined;
  const metadata = {
    sizeBytes: size.sizeBytes,
    blockBytes,
    logicalSectorBytes: logical.sectorBytes,
    physicalSectorBytes: physical.sectorBytes,
    virtualDiskId: identity.id,
    hasParent: (flags & HAS_PARENT) !== 0,
    leaveBlocksAllocated: (flags & LEAVE_BLOCKS_ALLOCATED) !== 0,
    ...(locator && { locator }),
  };
  checkDescription(items, metadata, flags, findings);
  return metadata;
}

function checkDescription(items: Items, metadata: Metadata, flags: number, findings: Findings): void {
  const report = (code: ErrorCode, item: keyof typeof ITEM, data = {}) =>
    findings.report(errorAt(code, items.path, items.offsetOf(item), data));
  if (flags & ~(HAS_PARENT | LEAVE_BLOCKS_ALLOCATED))
    report('VHDX_PARAMETERS_RESERVED', 'fileParameters', { flags });
  const problems = shapeProblems(metadata);
  for (const { what, problem } of problems) report(SHAPE_CODES[what], SHAPE_ITEMS[what], { problem });
  if (!isSectorSize(metadata.physicalSectorBytes)) {
    const problem = `physical sectors of ${metadata.physicalSectorBytes} bytes`;
    report('VHDX_SECTOR_SIZE', 'physicalSectorSize', { problem });
  }
  if (metadata.hasParent && !items.has('parentLocator')) report('VHDX_LOCATOR_MISSING', 'fileParameters');
  // Without a sensible shape nobody can tell where anything is.
  if (problems.length > 0) throw new GivenUp();
}

/** The bytes of a metadata region up to the end of its last item, in the order and packing of Windows. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const flags =
    (metadata.leaveBlocksAllocated ? LEAVE_BLOCKS_ALLOCATED : 0) | (metadata.hasParent ? HAS_PARENT : 0);
  const { blockBytes, sizeBytes, logicalSectorBytes, physicalSectorBytes, virtualDiskId } = metadata;
  const items: [name: keyof typeof ITEM_FLAGS, content: Uint8Array][] = [
    ['fileParameters', fileParametersItem.encode({ blockBytes, flags })],
    ['virtualDiskSize', virtualDiskSizeItem.encode({ sizeBytes })],
    ['logicalSectorSize', sectorSizeItem.encode({ sectorBytes: logicalSectorBytes })],
    ['physicalSectorSize', sectorSizeItem.encode({ sectorBytes: physicalSectorBytes })],
    ['virtualDiskId', virtualDiskIdItem.encode({ id: virtualDiskId })],
  ];
  if (metadata.locator) items.push(['parentLocator', metadata.locator]);

  const itemBytes = items.reduce((sum, [, content]) => sum + content.length, 0);
  const region = new Uint8Array(METADATA_TABLE_BYTES + itemBytes);
  const header = {
    signature: METADATA_SIGNATURE,
    reserved: 0,
    entryCount: items.length,
    reserved2: new Uint8Array(20),
  };
  metadataTableHeader.encode(header, region);
  let offset = METADATA_TABLE_BYTES;
  items.forEach(([name, content], i) => {
    const at = metadataTableHeader.sizeBytes + i * metadataEntry.sizeBytes;
    const entry = {
      itemId: ITEM[name],
      offset,
      length: content.length,
      flags: ITEM_FLAGS[name],
      reserved: 0,
    };
    metadataEntry.encode(entry, region.subarray(at));
    region.set(content, offset);
    offset += content.length;
  });
  return region;
}
