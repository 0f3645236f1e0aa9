/** FROM an image: of the store, or else of the registry that its name means. */
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { ImageConfig } from '../../oci/image.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';

const NOT_THERE = ['TRANSFER_IMAGE_NOT_FOUND', 'REGISTRY_NOT_FOUND'] as const;
/** What a registry says that has no such image, or none for us: many do not say which. */
const NOT_FOR_US = ['REGISTRY_UNAUTHORIZED', 'REGISTRY_DENIED'] as const;
const NO_ANSWER = ['REGISTRY_UNREACHABLE', 'REGISTRY_RATE_LIMITED', 'REGISTRY_FAILED'] as const;

/**
 * The store comes first; `--pull` asks the registry first, and takes the store's image when there is no better one.
 *
 * @throws HyperfileError BUILD_NO_IMAGE, and the registry's own errors
 */
export function imageBase(name: string, workshop: Workshop, step: StepId): Promise<Base> {
  return workshop.shared(`image ${name}`, async () => {
    const local = await workshop.store.findImage(name);
    if (local && !workshop.options.pull) return asBase(local.config);
    if (!local && looksLikeId(name)) throw new HyperfileError('BUILD_NO_IMAGE', { data: { name } });
    try {
      const { registryBase } = await import('./registry-image.ts');
      return await registryBase(name, workshop, step);
    } catch (error) {
      if (!isHyperfileError(error, ...NOT_THERE, ...NOT_FOR_US, ...NO_ANSWER)) throw error;
      if (!local) throw noImage(name, error);
      const hint = error.message;
      workshop.onEvent({
        type: 'warning',
        message: `${name} is taken from the store, not from a registry`,
        hint,
      });
      return asBase(local.config);
    }
  });
}

/** A registry that was named and does not answer, or not to us, is another matter than a name that nobody knows. */
function noImage(name: string, error: HyperfileError): HyperfileError {
  const namesHost = /^[^/]*[.:][^/]*\/|^localhost\//.test(name);
  if (namesHost && isHyperfileError(error, ...NOT_FOR_US, ...NO_ANSWER)) return error;
  const hint = `A registry was asked too: ${error.message}. Build or import the image, or log in with \`hyperfile login\`.`;
  return new HyperfileError('BUILD_NO_IMAGE', { data: { name }, hint, cause: error });
}

function looksLikeId(name: string): boolean {
  return /^(sha256:)?[0-9a-f]{12,64}$/.test(name);
}

function asBase({ layers, os, disk, config, key, history, created, kind }: ImageConfig): Base {
  return { layers, os, disk, config, key, history, created, ...(kind && { kind }), cached: true };
}
