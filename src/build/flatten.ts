/** A chain as one disk. */
import { setImmediate } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';
import type { Listener, Progress } from '../base/events.ts';
import { copyDisk } from '../disk/copy.ts';
import type { ReadableDisk, WritableDisk } from '../disk/disk.ts';
import { openChain } from '../vhdx/chain.ts';
import { createDisk } from '../vhdx/sandbox.ts';

export interface FlattenOptions {
  readonly signal: AbortSignal;
  readonly onProgress: Listener<Progress>;
}

/** Copies what a chain shows into one dynamic VHDX at `target`. */
export async function flatten(
  chain: string | readonly string[],
  target: string,
  options: FlattenOptions,
): Promise<void> {
  const source = openChain(chain);
  try {
    const { sizeBytes, logicalSectorBytes } = source;
    const disk = createDisk(target, { sizeBytes, logicalSectorBytes });
    await copyWhole(source, disk, options, () => disk.seal());
  } finally {
    source.close();
  }
}

/** Copies, finishes and closes `target`. Other work goes on between pieces. */
export async function copyWhole(
  source: ReadableDisk,
  target: WritableDisk,
  options: FlattenOptions,
  finish: () => void = () => target.flush(),
): Promise<void> {
  try {
    for (const progress of copyDisk(source, target)) {
      options.onProgress(progress);
      if (options.signal.aborted) throw new HyperfileError('INTERRUPTED');
      await setImmediate();
    }
    finish();
  } finally {
    target.close();
  }
}
