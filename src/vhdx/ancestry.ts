/** Opens the files of a chain and checks that they belong on top of each other. */
import fs from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import { openLayer, type Layer } from './layer.ts';
import { parentCandidates } from './locator.ts';

/** The depth at which other readers stop. */
export const MAX_CHAIN_LAYERS = 256;

/**
 * Opens a chain given leaf first, or found from its leaf through the parent locators.
 *
 * @throws HyperfileError of {@link openLayer}; VHDX_PARENT_NOT_FOUND, VHDX_PARENT_MISMATCH, VHDX_PARENT_GEOMETRY,
 *   VHDX_CHAIN_INCOMPLETE, VHDX_CHAIN_TOO_LONG, VHDX_CHAIN_TOO_DEEP, VHDX_CHAIN_CYCLE. No file stays open then.
 */
export function openLayers(chain: string | readonly string[]): Layer[] {
  const layers: Layer[] = [];
  try {
    if (typeof chain === 'string') openFromLeaf(chain, layers);
    else openListed(chain, layers);
    return layers;
  } catch (error) {
    closeLayers(layers);
    throw error;
  }
}

export function closeLayers(layers: readonly Layer[]): void {
  for (const layer of layers) layer.file.close();
}

function openListed(paths: readonly string[], layers: Layer[]): void {
  for (const [i, layerPath] of paths.entries()) {
    push(layers, layerPath);
    const layer = layers[i];
    const next = paths[i + 1];
    if (layer.locator && next === undefined) {
      throw new HyperfileError('VHDX_CHAIN_INCOMPLETE', { data: { path: layer.path } });
    }
    if (!layer.locator && next !== undefined) {
      throw new HyperfileError('VHDX_CHAIN_TOO_LONG', { data: { path: layer.path, next } });
    }
  }
}

function openFromLeaf(leafPath: string, layers: Layer[]): void {
  push(layers, leafPath);
  for (let layer = layers[0]; layer.locator !== undefined; layer = layers.at(-1)!) {
    const places = parentCandidates(layer.path, layer.locator);
    const found = places.find((place) => fs.existsSync(place));
    if (found === undefined) {
      throw new HyperfileError('VHDX_PARENT_NOT_FOUND', { data: { path: layer.path, places } });
    }
    push(layers, found);
  }
}

function push(layers: Layer[], layerPath: string): void {
  const child = layers.at(-1);
  const absolute = path.resolve(layerPath);
  if (layers.length === MAX_CHAIN_LAYERS) {
    throw new HyperfileError('VHDX_CHAIN_TOO_DEEP', {
      data: { path: layers[0].path, limit: MAX_CHAIN_LAYERS },
    });
  }
  if (layers.some((layer) => isSameFile(layer.path, absolute))) {
    throw new HyperfileError('VHDX_CHAIN_CYCLE', { data: { path: absolute } });
  }
  const layer = openLayer(absolute);
  layers.push(layer);
  if (child?.locator === undefined) return;
  if (!child.locator.linkage.includes(layer.dataWriteGuid)) {
    throw new HyperfileError('VHDX_PARENT_MISMATCH', { data: { path: child.path, parent: layer.path } });
  }
  const sectorBytes = child.geometry.logicalSectorBytes;
  const parentSectorBytes = layer.geometry.logicalSectorBytes;
  if (sectorBytes !== parentSectorBytes) {
    const data = { path: child.path, parent: layer.path, sectorBytes, parentSectorBytes };
    throw new HyperfileError('VHDX_PARENT_GEOMETRY', { data });
  }
}

function isSameFile(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [one, other].map((name) => fs.statSync(name, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
