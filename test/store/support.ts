/** Stores to try things on. Layers are plain files here: what is in a layer is not the store's business. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Store } from '../../src/store/store.ts';
import { keyOf } from './descriptions.ts';

export { imageOf, keyOf } from './descriptions.ts';

/** A folder that is gone after the test. */
export function testFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function testStore(): Promise<Store> {
  const store = await Store.open(path.join(testFolder(), 'store'));
  onTestFinished(() => store.close());
  return store;
}

/** Makes and seals a layer; returns its id. */
export async function makeLayer(store: Store, parent?: string, sizeBytes = 4096): Promise<string> {
  const { id, path: file } = store.newLayer();
  appendFileSync(file, Buffer.alloc(sizeBytes, 1));
  await store.sealLayer({ id, ...(parent !== undefined && { parent }) });
  return id;
}

/** Makes a chain of `length` layers; returns their ids, leaf first. */
export async function makeChain(store: Store, length: number): Promise<string[]> {
  const chain: string[] = [];
  while (chain.length < length) chain.unshift(await makeLayer(store, chain[0]));
  return chain;
}

export async function putRecord(store: Store, number: number, layer?: string): Promise<void> {
  const created = new Date().toISOString();
  await store.cachePut({
    key: keyOf(number),
    inputs: { number },
    ...(layer !== undefined && { layer }),
    created,
  });
}
