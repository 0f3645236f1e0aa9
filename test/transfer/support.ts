/** Stores with real layers, and what tests of shipping them share. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { canonicalJson } from '../../src/base/canonical-json.ts';
import type { ImageConfig } from '../../src/oci/image.ts';
import { Store, type StoreLease } from '../../src/store/store.ts';
import type { StoredImage } from '../../src/store/images.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import type { TransferIo } from '../../src/transfer/io.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { imageOf } from '../store/descriptions.ts';

export const MIB = 1024 * 1024;
export const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** A folder that is gone after the test. */
export function testFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-transfer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function testStore(root = path.join(testFolder(), 'store')): Promise<Store> {
  const store = await Store.open(root);
  onTestFinished(() => store.close());
  return store;
}

/** Bytes that zstd makes smaller by about a half, other ones for every seed. */
export function content(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = 1 + ((((at >>> 6) & 1) === 0 ? state >>> 24 : seed) % 255);
  }
  return bytes;
}

export interface LayerOptions {
  readonly parent?: string;
  readonly diskBytes?: number;
  /** How much content it gets, at the start of the disk. */
  readonly bytes?: number;
  readonly at?: number;
}

/** Makes and seals a real layer; its content follows from the seed. Returns its id. */
export async function makeLayer(store: Store, seed: number, options: LayerOptions = {}): Promise<string> {
  const { parent, diskBytes = 16 * MIB, bytes = 200_000, at = 0 } = options;
  const { id, path: file } = store.newLayer();
  const disk =
    parent === undefined
      ? createDisk(file, { sizeBytes: diskBytes })
      : openSandbox({ chain: store.layerPath(parent), sandboxPath: file });
  for (let done = 0; done < bytes; done += MIB)
    disk.write(content(Math.min(MIB, bytes - done), seed + (done / MIB) * 1000), at + done);
  disk.seal();
  disk.close();
  await store.sealLayer({
    id,
    ...(parent !== undefined && { parent }),
    key: seed.toString(16).padStart(64, '0'),
  });
  return id;
}

/** A named image of so many real layers. */
export async function makeImage(
  store: Store,
  { name = 'web', layers = 3, seed = 1, bytes = 200_000 } = {},
): Promise<StoredImage> {
  const chain: string[] = [];
  while (chain.length < layers) {
    const parent = chain[0] === undefined ? {} : { parent: chain[0] };
    chain.unshift(
      await makeLayer(store, seed + chain.length, { ...parent, bytes, at: chain.length * 300_000 }),
    );
  }
  return keepImage(store, imageOf(chain, String(seed)), name);
}

export async function keepImage(store: Store, config: ImageConfig, name: string): Promise<StoredImage> {
  await store.tag(name, await store.putImage(config));
  return store.image(name);
}

export interface TestIo extends TransferIo {
  readonly events: TransferEvent[];
  /** What moved, by the blobs' last events. */
  movedBytes(): number;
}

export function ioFor(store: Store, options: Partial<TransferIo> = {}): TestIo {
  const events: TransferEvent[] = [];
  return {
    store,
    onEvent: (event) => void events.push(event),
    signal: new AbortController().signal,
    ...options,
    events,
    movedBytes: () => events.reduce((sum, event) => sum + (event.type === 'blob-end' ? event.bytes : 0), 0),
  };
}

/** The layers of two stores have the same bytes. */
export function expectSameLayers(one: Store, other: Store, ids: readonly string[]): void {
  for (const id of ids) {
    const [left, right] = [one, other].map((store) => readFileSync(store.layerPath(id)));
    expect(left.equals(right)).toBe(true);
  }
}

/** All files of a store but the version, without what names only a process. */
export function filesOf(store: Store): string[] {
  return readdirSync(store.root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(store.root, path.join(entry.parentPath, entry.name)))
    .filter((name) => name !== 'version' && !name.startsWith('leases'))
    .sort();
}

/** Nothing came into the store: no layer, image or name, and nothing half done lies about. */
export function expectEmpty(store: Store, except: readonly string[] = []): void {
  expect(filesOf(store).filter((name) => !except.includes(name))).toEqual([]);
}

export function sameConfig(left: ImageConfig, right: ImageConfig): boolean {
  return canonicalJson(left) === canonicalJson(right);
}

export type { StoreLease };
