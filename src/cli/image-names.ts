/** Names of the images in the store, for completion: quick, and quiet about everything. */
import { existsSync } from 'node:fs';
import { storeFolder } from '../base/paths.ts';
import type { Console } from './console.ts';

export async function listImageNames(console: Console): Promise<string[]> {
  const folder = storeFolder(console.env);
  if (!existsSync(folder)) return [];
  const { Store } = await import('../store/store.ts');
  const store = await Store.open(folder);
  try {
    return (await store.listImages()).flatMap(({ names }) => names);
  } finally {
    store.close();
  }
}
