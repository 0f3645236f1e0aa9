/** An image of ours as what FROM builds on. */
import type { Listener } from '../../base/events.ts';
import type { ImageConfig } from '../../oci/image.ts';
import { hostPlatform } from '../../plan/platform.ts';
import type { BuildEvent } from '../events.ts';
import type { Base } from './base.ts';

interface Told {
  readonly onEvent: Listener<BuildEvent>;
}

export function imageAsBase(name: string, image: ImageConfig, told: Told): Base {
  const { layers, os, architecture, disk, config, key, history, created, kind } = image;
  warnOfArchitecture(name, image, told);
  const rest = { ...(kind && { kind }), cached: true };
  return { layers, os, architecture, disk, config, key, history, created, ...rest };
}

/** Programs for another architecture may run all the same: Linux can have them translated. */
export function warnOfArchitecture(
  name: string,
  { os, architecture }: { readonly os: string; readonly architecture: string },
  { onEvent }: Told,
): void {
  const host = hostPlatform();
  if (architecture === host.architecture) return;
  const message = `${name} is made for ${os}/${architecture}, this host is ${host.os}/${host.architecture}`;
  onEvent({ type: 'warning', message, hint: 'its programs may not run here' });
}
