/** The metadata region: a table of items that describe the disk (MS-VHDX section 2.6). */
import { HyperfileError } from '../base/error.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import {
  fileParametersItem,
  HAS_PARENT,
  ITEM,
  ITEM_IS_REQUIRED,
  ITEM_IS_USER,
  ITEM_IS_VIRTUAL_DISK,
  LEAVE_BLOCKS_ALLOCATED,
  MAX_ITEM_BYTES,
  MAX_TABLE_ENTRIES,
  METADATA_SIGNATURE,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTableHeader,
  sectorSizeItem,
  virtualDiskIdItem,
  virtualDiskSizeItem,
} from './format.ts';
import { shapeProblem, type DiskShape } from './geometry.ts';
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

const KNOWN = new Set<string>(Object.values(ITEM));

/**
 * Reads and checks the items.
 * @throws HyperfileError VHDX_METADATA_CORRUPT, VHDX_UNKNOWN_FEATURE, VHDX_UNFINISHED.
 */
export function readMetadata(file: BlockFile, region: Region): Metadata {
  const fail = (problem: string) => problemAt('VHDX_METADATA_CORRUPT', file.path, region.fileOffset, problem);
  const items = readItems(file, region);
  if (items.has(ITEM.incompleteFile))
    throw new HyperfileError('VHDX_UNFINISHED', { data: { path: file.path } });
  const item = (name: keyof typeof ITEM, length: number): Uint8Array => {
    const bytes = items.get(ITEM[name]);
    if (bytes === undefined) throw fail(`the item ${name} is missing`);
    if (bytes.length !== length)
      throw fail(`the item ${name} has ${bytes.length} bytes instead of ${length}`);
    return bytes;
  };
  const { blockBytes, flags } = fileParametersItem.decode(item('fileParameters', 8));
  const locator = items.get(ITEM.parentLocator);
  const metadata = {
    sizeBytes: virtualDiskSizeItem.decode(item('virtualDiskSize', 8)).sizeBytes,
    blockBytes,
    logicalSectorBytes: sectorSizeItem.decode(item('logicalSectorSize', 4)).sectorBytes,
    physicalSectorBytes: sectorSizeItem.decode(item('physicalSectorSize', 4)).sectorBytes,
    virtualDiskId: virtualDiskIdItem.decode(item('virtualDiskId', 16)).id,
    hasParent: (flags & HAS_PARENT) !== 0,
    leaveBlocksAllocated: (flags & LEAVE_BLOCKS_ALLOCATED) !== 0,
    ...(locator && { locator }),
  };
  const problem = shapeProblem(metadata);
  if (problem !== undefined) throw fail(problem);
  if (metadata.physicalSectorBytes !== 512 && metadata.physicalSectorBytes !== 4096) {
    throw fail(`physical sectors of ${metadata.physicalSectorBytes} bytes`);
  }
  if (metadata.hasParent && !locator) throw fail('it has a parent but does not say which');
  return metadata;
}

function readItems(file: BlockFile, region: Region): Map<string, Uint8Array> {
  const table = readBytes(file, region.fileOffset, METADATA_TABLE_BYTES);
  const { signature, entryCount } = metadataTableHeader.decode(table);
  const fail = (at: number, problem: string) =>
    problemAt('VHDX_METADATA_CORRUPT', file.path, region.fileOffset + at, problem);
  if (signature !== METADATA_SIGNATURE) throw fail(0, 'its table does not begin with the signature');
  if (entryCount > MAX_TABLE_ENTRIES) throw fail(0, `its table has ${entryCount} entries`);
  const items = new Map<string, Uint8Array>();
  for (let i = 0; i < entryCount; i++) {
    const at = metadataTableHeader.sizeBytes + i * metadataEntry.sizeBytes;
    const { itemId, offset, length, flags } = metadataEntry.decode(table.subarray(at));
    if (
      length > MAX_ITEM_BYTES ||
      offset + length > region.length ||
      (length > 0 && offset < METADATA_TABLE_BYTES)
    ) {
      throw fail(at, `the item ${itemId} lies outside the region`);
    }
    if (flags & ITEM_IS_USER) continue;
    if (!KNOWN.has(itemId)) {
      if ((flags & ITEM_IS_REQUIRED) === 0) continue;
      throw new HyperfileError('VHDX_UNKNOWN_FEATURE', {
        data: { path: file.path, feature: `item ${itemId}` },
      });
    }
    if (items.has(itemId)) throw fail(at, `the item ${itemId} is listed twice`);
    items.set(itemId, readBytes(file, region.fileOffset + offset, length));
  }
  return items;
}

/** The bytes of a metadata region up to the end of its last item, in the order and packing of Windows. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const requiredOfDisk = ITEM_IS_REQUIRED | ITEM_IS_VIRTUAL_DISK;
  const flags =
    (metadata.leaveBlocksAllocated ? LEAVE_BLOCKS_ALLOCATED : 0) | (metadata.hasParent ? HAS_PARENT : 0);
  const items: [id: string, flags: number, content: Uint8Array][] = [
    [
      ITEM.fileParameters,
      ITEM_IS_REQUIRED,
      fileParametersItem.encode({ blockBytes: metadata.blockBytes, flags }),
    ],
    [ITEM.virtualDiskSize, requiredOfDisk, virtualDiskSizeItem.encode({ sizeBytes: metadata.sizeBytes })],
    [
      ITEM.logicalSectorSize,
      requiredOfDisk,
      sectorSizeItem.encode({ sectorBytes: metadata.logicalSectorBytes }),
    ],
    [
      ITEM.physicalSectorSize,
      requiredOfDisk,
      sectorSizeItem.encode({ sectorBytes: metadata.physicalSectorBytes }),
    ],
    [ITEM.virtualDiskId, requiredOfDisk, virtualDiskIdItem.encode({ id: metadata.virtualDiskId })],
  ];
  if (metadata.locator) items.push([ITEM.parentLocator, ITEM_IS_REQUIRED, metadata.locator]);

  const itemBytes = items.reduce((sum, [, , content]) => sum + content.length, 0);
  const region = new Uint8Array(METADATA_TABLE_BYTES + itemBytes);
  const header = {
    signature: METADATA_SIGNATURE,
    reserved: 0,
    entryCount: items.length,
    reserved2: new Uint8Array(20),
  };
  metadataTableHeader.encode(header, region);
  let offset = METADATA_TABLE_BYTES;
  items.forEach(([itemId, itemFlags, content], i) => {
    const at = metadataTableHeader.sizeBytes + i * metadataEntry.sizeBytes;
    const entry = { itemId, offset, length: content.length, flags: itemFlags, reserved: 0 };
    metadataEntry.encode(entry, region.subarray(at));
    region.set(content, offset);
    offset += content.length;
  });
  return region;
}
