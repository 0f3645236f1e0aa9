/** Makes or finds what FROM builds on. */
import type { BaseReference } from '../../language/base-reference.ts';
import type { DiskDescription, GuestConfig, GuestOs, HistoryEntry } from '../../oci/image.ts';
import type { Platform } from '../../plan/platform.ts';
import type { StepId } from '../events.ts';
import type { Cached, Workshop } from '../workshop.ts';
import { imageBase } from './image.ts';
import { scratchBase } from './scratch.ts';

export interface Base extends Cached {
  /** Leaf first. */
  readonly layers: readonly string[];
  readonly disk: DiskDescription;
  readonly os: GuestOs;
  /** What its programs are made for; absent: for this host. */
  readonly architecture?: string;
  /** Made of a container image, or built on one that was. */
  readonly kind?: 'container';
  readonly config: GuestConfig;
  readonly key: string;
  readonly history: readonly HistoryEntry[];
  /** When the last step was made: a build of cached steps gives the same image again. */
  readonly created: string;
}

/**
 * The rarer kinds are loaded when a recipe names them: a build that is all cached is over before that would be.
 *
 * @param platform which image is meant where a name stands for several
 */
export async function resolveBase(
  reference: BaseReference,
  workshop: Workshop,
  step: StepId,
  platform?: Platform,
): Promise<Base> {
  switch (reference.kind) {
    case 'scratch':
      return scratchBase(workshop);
    case 'image':
      return imageBase(reference.name, workshop, step, platform);
    case 'disk':
      return (await import('./disk-file.ts')).diskFileBase(reference, workshop, step);
    case 'iso':
      return (await import('./iso.ts')).isoBase(reference, workshop, step);
    case 'placed':
      return (await import('./placed-image.ts')).placedBase(reference, workshop, step, platform);
    case 'debootstrap':
      return (await import('./debootstrap.ts')).debootstrapBase(reference, workshop, step);
  }
}
