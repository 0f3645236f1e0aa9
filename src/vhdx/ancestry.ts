/** Opens the files of a chain and checks that they belong on top of each other. */
import fs from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import { openLayer, type Layer, type LayerTables } from './layer.ts';
import type { Locator } from './locator.ts';
import { parentCandidates } from './parent-paths.ts';

/** The depth at which other readers stop. */
export const MAX_CHAIN_LAYERS = 256;

/**
 * Opens a chain given leaf first, or found from its leaf through the parent locators.
 *
 * @throws HyperfileError of {@link openLayer}; VHDX_PARENT_NOT_FOUND, VHDX_PARENT_MISMATCH, VHDX_PARENT_GEOMETRY,
 *   VHDX_CHAIN_INCOMPLETE, VHDX_CHAIN_TOO_LONG, VHDX_CHAIN_TOO_DEEP, VHDX_CHAIN_CYCLE. No file stays open then.
 */
export function openLayers(chain: string | readonly string[]): Layer[] {
  return openChainWith(openLayer, chain);
}

/** As {@link openLayers}, for those who open each file in a way of their own. */
export function openChainWith<L extends LayerTables>(
  open: (filePath: string) => L,
  chain: string | readonly string[],
): L[] {
  const opening = new Opening(open);
  try {
    if (typeof chain === 'string') openFromLeaf(chain, opening);
    else openListed(chain, opening);
    return opening.layers;
  } catch (error) {
    closeLayers(opening.layers);
    throw error;
  }
}

export function closeLayers(layers: readonly Pick<Layer, 'file'>[]): void {
  for (const layer of layers) layer.file.close();
}

function openListed(paths: readonly string[], opening: Opening<LayerTables>): void {
  for (const [i, layerPath] of paths.entries()) {
    const layer = opening.push(layerPath);
    const next = paths[i + 1];
    if (layer.locator && next === undefined) {
      throw new HyperfileError('VHDX_CHAIN_INCOMPLETE', { data: { path: layer.path } });
    }
    if (!layer.locator && next !== undefined) {
      throw new HyperfileError('VHDX_CHAIN_TOO_LONG', { data: { path: layer.path, next } });
    }
  }
}

function openFromLeaf(leafPath: string, opening: Opening<LayerTables>): void {
  let layer = opening.push(leafPath);
  while (layer.locator !== undefined) {
    const { found, places } = findParent(layer.path, layer.locator);
    if (found === undefined) {
      throw new HyperfileError('VHDX_PARENT_NOT_FOUND', { data: { path: layer.path, places } });
    }
    layer = opening.push(found);
  }
}

/** The file of a difference's parent, and all the places where it may be. */
export function findParent(
  childPath: string,
  locator: Locator,
): { readonly found: string | undefined; readonly places: readonly string[] } {
  const places = parentCandidates(childPath, locator);
  return { found: places.find((place) => fs.existsSync(place)), places };
}

/** Device and number of a file: what it is called does not matter. Undefined for what cannot be looked at. */
export function identityOf(filePath: string): string | undefined {
  try {
    const { dev, ino } = fs.statSync(filePath, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** A chain in the making, leaf first. */
class Opening<L extends LayerTables> {
  readonly layers: L[] = [];
  readonly #open: (filePath: string) => L;
  /** Every file so far: one that comes again is its own ancestor. */
  readonly #seen = new Set<string>();

  constructor(open: (filePath: string) => L) {
    this.#open = open;
  }

  /** Opens the next layer further down. */
  push(layerPath: string): L {
    const child = this.layers.at(-1);
    const absolute = path.resolve(layerPath);
    if (this.layers.length === MAX_CHAIN_LAYERS) {
      const data = { path: this.layers[0].path, limit: MAX_CHAIN_LAYERS };
      throw new HyperfileError('VHDX_CHAIN_TOO_DEEP', { data });
    }
    this.#refuseCycle(absolute);
    const layer = this.#open(absolute);
    this.layers.push(layer);
    const problem = child && parentProblem(child, layer);
    if (problem) throw problem;
    return layer;
  }

  #refuseCycle(layerPath: string): void {
    const identity = identityOf(layerPath);
    if (identity === undefined) return;
    if (this.#seen.has(identity)) throw new HyperfileError('VHDX_CHAIN_CYCLE', { data: { path: layerPath } });
    this.#seen.add(identity);
  }
}

/** What speaks against a file being the parent of a difference. */
export function parentProblem(child: LayerTables, parent: LayerTables): HyperfileError | undefined {
  const data = { path: child.path, parent: parent.path };
  if (!child.locator?.linkage.includes(parent.dataWriteGuid)) {
    return new HyperfileError('VHDX_PARENT_MISMATCH', { data });
  }
  const sectorBytes = child.geometry.logicalSectorBytes;
  const parentSectorBytes = parent.geometry.logicalSectorBytes;
  if (sectorBytes === parentSectorBytes) return undefined;
  return new HyperfileError('VHDX_PARENT_GEOMETRY', { data: { ...data, sectorBytes, parentSectorBytes } });
}
