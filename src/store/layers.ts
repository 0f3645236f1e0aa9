/** The layers of a store: sealed ones have a record beside their file, others are in the making. */
import { randomBytes } from 'node:crypto';
import { statSync, type Stats } from 'node:fs';
import { allocatedBytes } from '../base/allocated-bytes.ts';
import { diskFullAt, replaceFileDurably, syncFile } from '../base/atomic-file.ts';
import { HyperfileError, systemCode } from '../base/error.ts';
import type { LayerRecord } from '../oci/image.ts';
import { LAYER_ID, layerFile, layerRecordFile, type Layout } from './layout.ts';
import { accessError, parseRecord, readIfThere } from './read.ts';

/** VHDX readers are asked to follow chains of at least this depth; ours stops there. */
export const MAX_CHAIN_LAYERS = 256;

/** A layer whose file is complete. */
export interface NewLayer {
  readonly id: string;
  /** The layer below; absent for a base. */
  readonly parent?: string;
  /** The cache key of the step that made it. */
  readonly key?: string;
}

export function newLayerId(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Makes a finished layer's file durable and then writes its record: from here on the layer exists.
 *
 * @throws HyperfileError STORE_LAYER_MISSING when there is no file, DISK_FULL, STORE_ACCESS
 */
export async function sealLayer(layout: Layout, layer: NewLayer): Promise<LayerRecord> {
  const { id } = layer;
  const file = layerFile(layout, id);
  try {
    await syncFile(file);
    const record = recordOf(layer, statSync(file));
    await replaceFileDurably(layerRecordFile(layout, id), JSON.stringify(record));
    return record;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw missing(id, error);
    throw accessError(file, diskFullAt(file, error));
  }
}

/** The record of a layer whose file looks like this. */
export function recordOf({ id, parent, key }: NewLayer, stats: Stats): LayerRecord {
  return {
    id,
    ...(parent !== undefined && { parent }),
    fileBytes: stats.size,
    allocatedBytes: allocatedBytes(stats),
    created: new Date().toISOString(),
    ...(key !== undefined && { key }),
  };
}

/** What is wrong with a layer, if anything: `missing` in part or whole, or a reason. */
export type LayerState =
  { readonly record: LayerRecord } | { readonly missing: true } | { readonly damaged: string };

/** @throws HyperfileError STORE_LAYER_DAMAGED for what is no layer's id, so never a part of a path */
export function checkLayerId(id: string): void {
  if (!LAYER_ID.test(id)) throw damaged(id, 'its id is not 32 hex digits');
}

/** Reads a layer's record and looks at its file, without opening it. */
export function inspectLayer(layout: Layout, id: string): LayerState {
  if (!LAYER_ID.test(id)) return { damaged: 'its id is not 32 hex digits' };
  const text = readIfThere(layerRecordFile(layout, id));
  if (text === undefined) return { missing: true };
  const record = asLayerRecord(parseRecord(text), id);
  if (record === undefined) return { damaged: 'its record cannot be read' };
  const file = statSync(layerFile(layout, id), { throwIfNoEntry: false });
  if (file === undefined) return { missing: true };
  if (file.size === record.fileBytes) return { record };
  return { damaged: `its file has ${file.size} bytes, not ${record.fileBytes}` };
}

/** @throws HyperfileError STORE_LAYER_MISSING or STORE_LAYER_DAMAGED */
export function requireLayer(layout: Layout, id: string): LayerRecord {
  const state = inspectLayer(layout, id);
  if ('record' in state) return state.record;
  if ('missing' in state) throw missing(id);
  throw damaged(id, state.damaged);
}

/**
 * A layer and all below it, leaf first.
 *
 * @throws HyperfileError STORE_LAYER_MISSING or STORE_LAYER_DAMAGED, for the first such layer from the leaf
 */
export function chainRecords(leaf: string, look: (id: string) => LayerRecord): LayerRecord[] {
  const chain: LayerRecord[] = [];
  for (let id: string | undefined = leaf; id !== undefined;) {
    if (chain.length === MAX_CHAIN_LAYERS)
      throw damaged(leaf, `more than ${MAX_CHAIN_LAYERS} layers are below it`);
    const record = look(id);
    chain.push(record);
    id = record.parent;
  }
  return chain;
}

function asLayerRecord(value: Record<string, unknown> | undefined, id: string): LayerRecord | undefined {
  if (value === undefined || value.id !== id || typeof value.created !== 'string') return undefined;
  if (!isSize(value.fileBytes) || !isSize(value.allocatedBytes)) return undefined;
  if (value.parent !== undefined && typeof value.parent !== 'string') return undefined;
  if (value.key !== undefined && typeof value.key !== 'string') return undefined;
  return value as unknown as LayerRecord;
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function missing(layer: string, cause?: unknown): HyperfileError {
  return new HyperfileError('STORE_LAYER_MISSING', { data: { layer }, cause });
}

function damaged(layer: string, reason: string): HyperfileError {
  return new HyperfileError('STORE_LAYER_DAMAGED', { data: { layer, reason } });
}
