/** Finished VHDX files in memory. */
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import { ChainIndex } from '../../../src/vhdx/chain-index.ts';
import { writeIdentifier } from '../../../src/vhdx/file-layout.ts';
import { finishLeaf } from '../../../src/vhdx/finish.ts';
import { geometryOf } from '../../../src/vhdx/geometry.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import { Leaf } from '../../../src/vhdx/leaf.ts';
import { encodeLocator } from '../../../src/vhdx/locator.ts';
import { randomGuid } from '../../../src/bytes/guid.ts';
import { MIB } from '../scratch.ts';

export interface MemoryShape {
  readonly sizeBytes: number;
  readonly blockBytes?: number;
  readonly sectorBytes?: number;
}

const DISK_ID = '11111111-2222-3333-4444-555555555555';

/** A disk without parent, with what `fill` writes. */
export function memoryVhdx(
  shape: MemoryShape,
  fill: (leaf: Leaf) => void,
  file: BlockFile = new MemoryFile('base.vhdx'),
): Layer {
  finish(file, shape, [], fill);
  return readLayer(file);
}

/** Makes a file a difference on a chain, leaf first; on none, an empty disk that stands alone. */
export function memoryChild(
  file: BlockFile,
  shape: MemoryShape,
  below: readonly Layer[],
  fill: (leaf: Leaf) => void = () => undefined,
): void {
  finish(file, shape, below, fill);
}

function finish(
  file: BlockFile,
  { sizeBytes, blockBytes = MIB, sectorBytes = 512 }: MemoryShape,
  below: readonly Layer[],
  fill: (leaf: Leaf) => void,
): void {
  const parent: Layer | undefined = below[0];
  const locator =
    parent &&
    ([
      ['parent_linkage', `{${parent.dataWriteGuid}}`],
      ['relative_path', `.\\${parent.path}`],
    ] as const);
  const metadata = {
    sizeBytes,
    blockBytes,
    logicalSectorBytes: sectorBytes,
    physicalSectorBytes: 4096,
    virtualDiskId: DISK_ID,
    leaveBlocksAllocated: false,
    hasParent: parent !== undefined,
    ...(locator && { locator: encodeLocator(new Map(locator)) }),
  };
  writeIdentifier(file);
  const leaf = new Leaf(file, geometryOf(metadata), new ChainIndex(below, sectorBytes));
  fill(leaf);
  finishLeaf(leaf, metadata, randomGuid());
}
