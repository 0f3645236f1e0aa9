/** The store's format version: made on first use, checked on every other. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { HyperfileError } from '../base/error.ts';
import { isUnfinished, STORE_FOLDERS, type Layout } from './layout.ts';
import { accessError, listIfThere, readIfThere } from './read.ts';

const STORE_VERSION = 1;

/**
 * Checks the version; makes the folders of a new store.
 *
 * @throws HyperfileError STORE_NEWER, STORE_VERSION_DAMAGED, STORE_NOT_A_STORE, STORE_ACCESS, DISK_FULL
 */
export function openVersion(layout: Layout): void {
  const text = readIfThere(layout.version);
  if (text === undefined) return createStore(layout);
  if (!/^\d{1,9}\s*$/.test(text))
    throw new HyperfileError('STORE_VERSION_DAMAGED', { data: { path: layout.version } });
  const found = Number(text);
  if (found > STORE_VERSION) {
    throw new HyperfileError('STORE_NEWER', { data: { path: layout.root, found, known: STORE_VERSION } });
  }
}

function createStore(layout: Layout): void {
  const own = new Set<string>(['version', ...STORE_FOLDERS]);
  const foreign = listIfThere(layout.root).find((name) => !own.has(name) && !isUnfinished(name));
  if (foreign !== undefined) {
    throw new HyperfileError('STORE_NOT_A_STORE', { data: { path: layout.root, found: foreign } });
  }
  try {
    // Disks may hold anything a guest has: they are their owner's alone.
    mkdirSync(layout.root, { recursive: true, mode: 0o700 });
    for (const folder of STORE_FOLDERS) mkdirSync(path.join(layout.root, folder), { recursive: true });
    replaceFile(layout.version, `${STORE_VERSION}\n`);
  } catch (error) {
    throw accessError(layout.root, error);
  }
}
