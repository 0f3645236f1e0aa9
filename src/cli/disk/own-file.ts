/** Disk files that a command may change: layers of a store are none of them. */
import fs from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import type { Console } from '../console.ts';

/**
 * The absolute path of a file named on the command line.
 * @throws HyperfileError VHDX_LAYER_OF_STORE
 */
export function ownFile(file: string, console: Console): string {
  const absolute = path.resolve(console.cwd, file);
  const store = storeOf(absolute);
  if (store !== undefined)
    throw new HyperfileError('VHDX_LAYER_OF_STORE', { data: { path: absolute, store } });
  return absolute;
}

/** The store that a file is a layer of, by the folders around it. */
function storeOf(file: string): string | undefined {
  if (!fs.existsSync(file)) return undefined;
  const folder = path.dirname(fs.realpathSync(file));
  const store = path.dirname(folder);
  const isStore =
    path.basename(folder) === 'layers' &&
    ['version', 'images'].every((name) => fs.existsSync(path.join(store, name)));
  return isStore ? store : undefined;
}
