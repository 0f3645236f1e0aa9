/** What `disk info` tells about a VHDX file and the chain below it. */
import { statSync } from 'node:fs';
import { isHyperfileError, type HyperfileError } from '../base/error.ts';
import { closeLayers, openLayers } from '../vhdx/ancestry.ts';
import { openLayer, type Layer } from '../vhdx/layer.ts';
import { formatSize } from './size.ts';

/** One file of a chain. */
export interface LayerReport {
  readonly path: string;
  readonly type: 'dynamic' | 'differencing' | 'fixed';
  readonly diskBytes: number;
  readonly blockBytes: number;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly blocks: number;
  /** Blocks for which the file holds anything. */
  readonly allocatedBlocks: number;
  readonly fileBytes: number;
  /** What the file occupies on the host's disk. */
  readonly allocatedBytes: number;
  readonly virtualDiskId: string;
  readonly dataWriteGuid: string;
  readonly creator: string;
  /** Every entry of the parent locator. */
  readonly parentLocator?: Readonly<Record<string, string>>;
}

export interface DiskReport {
  /** Leaf first; only the file itself when the chain below it cannot be opened. */
  readonly layers: readonly LayerReport[];
  /** What is wrong with the chain. */
  readonly problem?: HyperfileError;
}

const ALLOCATION_UNIT_BYTES = 512;

/** @throws HyperfileError when the file itself cannot be read as a VHDX */
export function diskReport(file: string): DiskReport {
  try {
    return { layers: reports(openLayers(file)) };
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    // The chain cannot be opened; the file itself may still have something to tell.
    return { layers: reports([openLayer(file)]), problem: error };
  }
}

export function formatReport(layers: readonly LayerReport[]): string {
  return layers.map((layer, depth) => formatLayer(layer, depth === 0 ? 'disk' : 'parent')).join('\n');
}

function reports(layers: readonly Layer[]): LayerReport[] {
  try {
    return layers.map(report);
  } finally {
    closeLayers(layers);
  }
}

function report({ path, metadata, geometry, locator, ...layer }: Layer): LayerReport {
  return {
    path,
    type: metadata.hasParent ? 'differencing' : metadata.leaveBlocksAllocated ? 'fixed' : 'dynamic',
    diskBytes: geometry.sizeBytes,
    blockBytes: geometry.blockBytes,
    logicalSectorBytes: geometry.logicalSectorBytes,
    physicalSectorBytes: metadata.physicalSectorBytes,
    blocks: geometry.blockCount,
    allocatedBlocks: layer.allocatedBlocks,
    fileBytes: layer.fileBytes,
    allocatedBytes: statSync(path).blocks * ALLOCATION_UNIT_BYTES,
    virtualDiskId: metadata.virtualDiskId,
    dataWriteGuid: layer.dataWriteGuid,
    creator: layer.creator,
    ...(locator && { parentLocator: Object.fromEntries(locator.entries) }),
  };
}

function formatLayer(layer: LayerReport, role: string): string {
  const rows: [string, string][] = [
    [role, layer.path],
    ['type', layer.type],
    ['virtual size', `${formatSize(layer.diskBytes)} (${layer.diskBytes} bytes)`],
    ['file', `${formatSize(layer.fileBytes)}, ${formatSize(layer.allocatedBytes)} on disk`],
    ['blocks', `${layer.allocatedBlocks} of ${layer.blocks} stored, ${formatSize(layer.blockBytes)} each`],
    ['sectors', `${layer.logicalSectorBytes} bytes logical, ${layer.physicalSectorBytes} physical`],
    ['disk id', layer.virtualDiskId],
    ['data write id', layer.dataWriteGuid],
    ['creator', layer.creator],
    ...Object.entries(layer.parentLocator ?? {}),
  ];
  return rows.map(([name, value]) => `${name.padEnd(19)} ${value}\n`).join('');
}
