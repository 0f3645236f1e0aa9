/** FROM ./windows.iso: a medium that installs Windows becomes a disk with that system. */
import { HyperfileError } from '../../base/error.ts';
import type { IsoBase } from '../../language/base-reference.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

/** @throws HyperfileError LANG_UNSUPPORTED */
export function isoBase(reference: IsoBase, _workshop: Workshop, _step: StepId): Promise<Base> {
  throw new HyperfileError('LANG_UNSUPPORTED', { data: { what: `FROM ${reference.path}` } });
}
