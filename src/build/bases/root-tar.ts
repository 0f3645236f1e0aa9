/** A new disk filled with the files of a root file system. */
import type { Readable } from 'node:stream';
import type { Sandbox } from '../../drivers/driver.ts';
import { rootOf, type Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

export interface FilledDisk<T> {
  /** Sealed; its record is not written yet. */
  readonly layer: string;
  readonly created: string;
  /** What filling it gave. */
  readonly answer: T;
}

/**
 * Unpacks a tar onto the empty disk as one layer.
 *
 * @param inspect Looks at the finished files before the seal; the layer is thrown away when it throws.
 */
export function fillFromTar<T>(
  empty: Base,
  tar: Readable,
  archiveName: string,
  workshop: Workshop,
  inspect: (sandbox: Sandbox) => Promise<T>,
): Promise<FilledDisk<T>> {
  return fillDisk(empty, workshop, async (sandbox) => {
    await sandbox.files.extract(tar, { destination: '/', archiveName, signal: workshop.signal });
    return inspect(sandbox);
  });
}

/** Whatever `fill` puts onto the empty disk is one layer, thrown away when it throws. */
export async function fillDisk<T>(
  empty: Base,
  workshop: Workshop,
  fill: (sandbox: Sandbox) => Promise<T>,
): Promise<FilledDisk<T>> {
  const { store, signal } = workshop;
  const driver = await workshop.driver();
  await workshop.distant.bring(empty.layers);
  const { id, path } = store.newLayer();
  const chain = store.chainPaths(empty.layers);
  const sandbox = await driver.open({ chain, sandboxPath: path, root: rootOf(empty.disk), signal });
  try {
    const answer = await fill(sandbox);
    await sandbox.seal();
    return { layer: id, created: new Date().toISOString(), answer };
  } finally {
    await sandbox.close();
  }
}
