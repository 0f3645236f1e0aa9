/** Makes the blob of a part: a large one in a thread of its own. */
import { setImmediate } from 'node:timers/promises';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError } from '../base/error.ts';
import type { Listener } from '../base/events.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import { DEFAULT_LEVEL, THREAD_CONTENT_BYTES } from './frames.ts';
import { Packer, type PackJob } from './packer.ts';
import type { LayerPart } from './parts.ts';

export interface PackOptions {
  /** Of zstd; default 2. */
  readonly level?: number;
  readonly signal?: AbortSignal;
  /** Bytes of content packed so far. */
  readonly onProgress?: Listener<number>;
}

/**
 * Writes the blob of one part to a new file. Nothing is left of it when this fails.
 *
 * @throws HyperfileError DISK_CUT_SHORT when the layer's file ends too soon, DISK_FULL, INTERRUPTED
 */
export async function packPart(
  vhdxPath: string,
  part: LayerPart,
  targetPath: string,
  options: PackOptions = {},
): Promise<LayerBlob> {
  const job = { vhdxPath, part, targetPath, level: options.level ?? DEFAULT_LEVEL };
  if (options.signal?.aborted) throw new HyperfileError('INTERRUPTED');
  try {
    return await (part.contentBytes < THREAD_CONTENT_BYTES
      ? packHere(job, options)
      : packElsewhere(job, options));
  } catch (error) {
    throw diskFullAt(targetPath, error);
  }
}

async function packHere(job: PackJob, { signal, onProgress }: PackOptions): Promise<LayerBlob> {
  const packer = new Packer(job);
  try {
    while (packer.packFrame()) {
      onProgress?.(packer.packedBytes);
      await setImmediate();
      if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    }
    const blob = packer.finish();
    packer.close();
    return blob;
  } catch (error) {
    packer.discard();
    throw error;
  }
}

async function packElsewhere(pack: PackJob, { signal, onProgress }: PackOptions): Promise<LayerBlob> {
  const { inTurn, startJob } = await import('./threads.ts');
  return inTurn(async () => {
    if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const job = startJob((_, contentBytes) => onProgress?.(contentBytes));
    const stop = (): void => job.stop();
    signal?.addEventListener('abort', stop);
    try {
      job.ask({ ask: 'pack', pack });
      const blob = await job.done;
      onProgress?.(pack.part.contentBytes);
      return blob!;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  });
}
