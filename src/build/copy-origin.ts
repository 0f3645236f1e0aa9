/** Where COPY --from reads: a finished stage of this recipe, or an image. */
import { HyperfileError } from '../base/error.ts';
import type { DiskDescription, GuestConfig } from '../oci/image.ts';
import type { CopyOrigin } from '../plan/step.ts';
import { imageBase } from './bases/image.ts';
import type { StageResult } from './stage-runner.ts';
import type { Workshop } from './workshop.ts';

export interface Origin {
  /** Leaf first. */
  readonly layers: readonly string[];
  readonly disk: DiskDescription;
  /** What the guest is told about itself, and asks of a machine. */
  readonly config: GuestConfig;
}

export async function copyOrigin(
  origin: Exclude<CopyOrigin, { kind: 'context' }>,
  workshop: Workshop,
  stage: (index: number) => Promise<StageResult>,
): Promise<Origin> {
  if (origin.kind === 'stage') {
    const finished = await stage(origin.index).catch(() => {
      throw new HyperfileError('INTERRUPTED');
    });
    await workshop.recorded();
    return finished;
  }
  // Which step it is for decides only where progress is shown.
  return imageBase(origin.name, workshop, '');
}
