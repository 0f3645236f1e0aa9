/** A new disk filled from a tar of a root file system. */
import type { Readable } from 'node:stream';
import type { Sandbox } from '../../drivers/driver.ts';
import { rootOf, type Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

export interface FilledDisk<T> {
  /** Sealed; its record is not written yet. */
  readonly layer: string;
  readonly created: string;
  /** What `inspect` found. */
  readonly answer: T;
}

/**
 * Unpacks a tar onto the empty disk as one layer.
 *
 * @param inspect Looks at the finished files before the seal; the layer is thrown away when it throws.
 */
export async function fillFromTar<T>(
  empty: Base,
  tar: Readable,
  archiveName: string,
  workshop: Workshop,
  inspect: (sandbox: Sandbox) => Promise<T>,
): Promise<FilledDisk<T>> {
  const { store, signal } = workshop;
  const driver = await workshop.driver();
  const { id, path } = store.newLayer();
  const chain = store.chainPaths(empty.layers);
  const sandbox = await driver.open({ chain, sandboxPath: path, root: rootOf(empty.disk), signal });
  try {
    await sandbox.files.extract(tar, { destination: '/', archiveName, signal });
    const answer = await inspect(sandbox);
    await sandbox.seal();
    return { layer: id, created: new Date().toISOString(), answer };
  } finally {
    await sandbox.close();
  }
}
