/**
 * Which bytes of a layer's file go into which blob. A file up to the limit is one part; a longer one is cut into its
 * head, all that is no payload, and a part for each window of the virtual disk that has payload, in the disk's order:
 * the same content gives the same part, wherever in the file its blocks lie.
 */
import { statSync } from 'node:fs';
import { HyperfileError, systemCode } from '../base/error.ts';
import { Bitmap } from '../bytes/bitmap.ts';
import type { FileExtent, LayerBlob } from '../oci/layer-form.ts';
import { BLOCK, MIB } from '../vhdx/format.ts';
import { openCleanLayer, type Layer } from '../vhdx/layer.ts';

/** Longer files are cut. */
export const CUT_LIMIT_BYTES = 512 * MIB;
/** So much of the virtual disk makes one part. */
export const WINDOW_BYTES = 512 * MIB;

export interface LayerPart {
  readonly kind: LayerBlob['kind'];
  /** Of a window: it begins at `windowIndex * WINDOW_BYTES` of the virtual disk. */
  readonly windowIndex?: number;
  /** What the part holds, one after the other. */
  readonly extents: readonly FileExtent[];
  readonly contentBytes: number;
}

/** For tests. */
export interface PartSizes {
  readonly cutLimitBytes?: number;
  readonly windowBytes?: number;
}

/**
 * The parts of a layer: the whole, or its head and then its windows in the order of the disk.
 *
 * @throws HyperfileError of {@link openCleanLayer}; a short file is not opened as a VHDX, but must be there
 */
export function planParts(vhdxPath: string, sizes: PartSizes = {}): LayerPart[] {
  const { cutLimitBytes = CUT_LIMIT_BYTES, windowBytes = WINDOW_BYTES } = sizes;
  const fileBytes = fileBytesOf(vhdxPath);
  if (fileBytes <= cutLimitBytes)
    return [{ kind: 'whole', extents: [{ fileOffset: 0, length: fileBytes }], contentBytes: fileBytes }];
  const layer = openCleanLayer(vhdxPath);
  try {
    const head = gapsOf(payloadOf(layer), fileBytes);
    return [{ kind: 'head', extents: head, contentBytes: lengthOf(head) }, ...windowsOf(layer, windowBytes)];
  } finally {
    layer.file.close();
  }
}

/** @throws HyperfileError DISK_NOT_FOUND */
export function fileBytesOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new HyperfileError('DISK_NOT_FOUND', { data: { path } });
    throw error;
  }
}

/** The windows of a layer's disk in which blocks are present, wholly or in part. */
export function windowsOf(
  { table, geometry }: Pick<Layer, 'table' | 'geometry'>,
  windowBytes: number,
): LayerPart[] {
  const { blockBytes } = geometry;
  const windows = new Map<number, FileExtent[]>();
  for (const block of table.blocks()) {
    if (table.state(block) < BLOCK.FULLY_PRESENT) continue;
    const windowIndex = Math.floor((block * blockBytes) / windowBytes);
    let extents = windows.get(windowIndex);
    if (extents === undefined) windows.set(windowIndex, (extents = []));
    append(extents, { fileOffset: table.fileMb(block) * MIB, length: blockBytes });
  }
  return [...windows].map(([windowIndex, extents]) => ({
    kind: 'window',
    windowIndex,
    extents,
    contentBytes: lengthOf(extents),
  }));
}

function append(extents: FileExtent[], extent: FileExtent): void {
  const last = extents.at(-1);
  if (last === undefined || last.fileOffset + last.length !== extent.fileOffset) extents.push(extent);
  else extents[extents.length - 1] = { ...last, length: last.length + extent.length };
}

/** One bit for every megabyte of the file: set where a block's content lies. */
export function payloadOf({
  table,
  geometry,
  fileBytes,
}: Pick<Layer, 'table' | 'geometry' | 'fileBytes'>): Bitmap {
  const payload = new Bitmap(Math.ceil(fileBytes / MIB));
  for (const block of table.blocks()) {
    if (table.state(block) < BLOCK.FULLY_PRESENT) continue;
    const fileMb = table.fileMb(block);
    payload.setRange(fileMb, fileMb + geometry.blockBytes / MIB);
  }
  return payload;
}

/** What of the file is no payload. */
function gapsOf(payload: Bitmap, fileBytes: number): FileExtent[] {
  const gaps: FileExtent[] = [];
  let end = 0;
  for (const run of payload.runs()) {
    if (run.start * MIB > end) gaps.push({ fileOffset: end, length: run.start * MIB - end });
    end = run.end * MIB;
  }
  if (end < fileBytes) gaps.push({ fileOffset: end, length: fileBytes - end });
  return gaps;
}

export function lengthOf(extents: readonly FileExtent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0);
}
