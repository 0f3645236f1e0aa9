/**
 * Looks at the files of a chain as closely as opening them does, but keeps no block table: the largest disk there is
 * takes 16 MiB of memory, whatever its table holds.
 */
import path from 'node:path';
import { openHostFile } from '../disk/host-file.ts';
import { openChainWith } from './ancestry.ts';
import { scanBat } from './bat-scan.ts';
import { STRICT } from './findings.ts';
import { readTables, type LayerTables } from './layer.ts';
import { reserveTables } from './used-space.ts';

export interface ExaminedLayer extends LayerTables {
  /** Blocks whose data are in the file, in whole or in part. */
  readonly allocatedBlocks: number;
}

/**
 * What a file says about itself; it is checked as a whole. Its owner closes it.
 * @throws HyperfileError as openLayer
 */
export function examineLayer(filePath: string): ExaminedLayer {
  const file = openHostFile(path.resolve(filePath));
  try {
    const tables = readTables(file);
    const { header, regions, geometry } = tables;
    const used = reserveTables(tables.file, header, regions);
    const { allocatedBlocks } = scanBat(tables.file, regions.bat, geometry, used, STRICT);
    return { ...tables, allocatedBlocks };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * The files of a chain, leaf first, found from its leaf. Their owner closes them.
 * @throws HyperfileError as openLayers
 */
export function examineChain(leafPath: string): ExaminedLayer[] {
  return openChainWith(examineLayer, leafPath);
}
