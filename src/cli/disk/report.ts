/** What `disk info` tells about a VHDX file and the chain below it. */
import { statSync } from 'node:fs';
import { allocatedBytes } from '../../base/allocated-bytes.ts';
import { isHyperfileError, type HyperfileError } from '../../base/error.ts';
import { closeLayers } from '../../vhdx/ancestry.ts';
import { examineChain, examineLayer, type ExaminedLayer } from '../../vhdx/examine.ts';
import { count } from '../count.ts';
import { cleanText } from '../render/output-lines.ts';
import { formatSize } from '../size.ts';

/** One file of a chain. */
export interface LayerReport {
  readonly path: string;
  /** 0 for the disk itself, 1 for the one below it, and so on. */
  readonly depth: number;
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
  /** The disk's identity to its guest. */
  readonly virtualDiskId: string;
  /** Changes whenever what the disk holds changes: its children remember it. */
  readonly dataWriteGuid: string;
  /** Changes whenever anything in the file changes. */
  readonly fileWriteGuid: string;
  /** How often the headers were written, more or less; a decimal number of up to 64 bits. */
  readonly headerSequenceNumber: string;
  /** False when the file was not closed cleanly: what its log holds counts in all that is said here. */
  readonly isLogEmpty: boolean;
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

/** @throws HyperfileError when the file itself cannot be read as a VHDX */
export function diskReport(file: string): DiskReport {
  try {
    return { layers: reports(examineChain(file)) };
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    // The chain cannot be opened; the file itself may still have something to tell.
    return { layers: reports([examineLayer(file)]), problem: error };
  }
}

export function formatReport(layers: readonly LayerReport[]): string {
  const files = layers.map(formatLayer).join('\n');
  if (layers.length === 1) return files;
  const totalBytes = layers.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  return `${files}\n${'chain'.padEnd(19)} ${count(layers.length, 'file')}, ${formatSize(totalBytes)} on disk\n`;
}

function reports(layers: readonly ExaminedLayer[]): LayerReport[] {
  try {
    return layers.map(report);
  } finally {
    closeLayers(layers);
  }
}

function report(layer: ExaminedLayer, depth: number): LayerReport {
  const { path, metadata, geometry, header, locator } = layer;
  return {
    path,
    depth,
    type: metadata.hasParent ? 'differencing' : metadata.leaveBlocksAllocated ? 'fixed' : 'dynamic',
    diskBytes: geometry.sizeBytes,
    blockBytes: geometry.blockBytes,
    logicalSectorBytes: geometry.logicalSectorBytes,
    physicalSectorBytes: metadata.physicalSectorBytes,
    blocks: geometry.blockCount,
    allocatedBlocks: layer.allocatedBlocks,
    fileBytes: layer.fileBytes,
    allocatedBytes: allocatedBytes(statSync(path)),
    virtualDiskId: metadata.virtualDiskId,
    dataWriteGuid: layer.dataWriteGuid,
    fileWriteGuid: header.fileWriteGuid,
    headerSequenceNumber: String(header.sequenceNumber),
    isLogEmpty: layer.replayedLog === undefined,
    creator: layer.creator,
    ...(locator && { parentLocator: Object.fromEntries(locator.entries) }),
  };
}

const PURPOSES = {
  dynamic: 'dynamic: grows as it is written to',
  fixed: 'fixed: all of its space is reserved',
  differencing: 'differencing: holds what differs from its parent',
} as const;

function formatLayer(layer: LayerReport): string {
  const rows: [string, string][] = [
    [layer.depth === 0 ? 'disk' : `parent ${layer.depth}`, layer.path],
    ['type', PURPOSES[layer.type]],
    ['virtual size', `${formatSize(layer.diskBytes)} (${layer.diskBytes} bytes)`],
    ['file', `${formatSize(layer.fileBytes)}, ${formatSize(layer.allocatedBytes)} on disk`],
    ['blocks', `${layer.allocatedBlocks} of ${layer.blocks} stored, ${formatSize(layer.blockBytes)} each`],
    ['sectors', `${layer.logicalSectorBytes} bytes logical, ${layer.physicalSectorBytes} physical`],
    [
      'log',
      layer.isLogEmpty ? 'empty' : 'not empty: it was not closed cleanly, and is read as if it had been',
    ],
    ['disk id', layer.virtualDiskId],
    ['data write id', layer.dataWriteGuid],
    ['file write id', `${layer.fileWriteGuid}, header number ${layer.headerSequenceNumber}`],
    ['creator', layer.creator],
    ...Object.entries(layer.parentLocator ?? {}),
  ];
  return rows.map(([name, value]) => `${cleanText(name).padEnd(19)} ${cleanText(value)}\n`).join('');
}
