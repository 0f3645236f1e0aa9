/** FROM an image: of the store, or else of the registry that its name means. */
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { ImageConfig } from '../../oci/image.ts';
import { describePlatform } from '../../oci/platform-choice.ts';
import type { Platform } from '../../plan/platform.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { imageAsBase } from './image-as-base.ts';

const NOT_THERE = ['TRANSFER_IMAGE_NOT_FOUND', 'REGISTRY_NOT_FOUND'] as const;
/** What a registry says that has no such image, or none for us: many do not say which. */
const NOT_FOR_US = ['REGISTRY_UNAUTHORIZED', 'REGISTRY_DENIED'] as const;
const NO_ANSWER = ['REGISTRY_UNREACHABLE', 'REGISTRY_RATE_LIMITED', 'REGISTRY_FAILED'] as const;

/**
 * The store comes first; `--pull` asks the registry first, and takes the store's image when there is no better one.
 *
 * @param platform which image is meant where the name stands for several; one of the store counts only if it is for that
 * @throws HyperfileError BUILD_NO_IMAGE, OCI_PLATFORM_MISSING, and the registry's own errors
 */
export function imageBase(
  name: string,
  workshop: Workshop,
  step: StepId,
  platform: Platform | undefined = workshop.options.platform,
): Promise<Base> {
  const key = `image ${name} ${platform === undefined ? '' : describePlatform(platform)}`;
  return workshop.shared(key, async () => {
    const named = await workshop.store.findImage(name);
    const local = named && isFor(named.config, platform) ? named : undefined;
    if (local && !workshop.options.pull) return imageAsBase(name, local.config, workshop);
    if (!local && looksLikeId(name)) throw noImage(name, named?.config, platform);
    try {
      const { registryBase } = await import('./registry-image.ts');
      return await registryBase(name, workshop, step, platform);
    } catch (error) {
      if (!isHyperfileError(error, ...NOT_THERE, ...NOT_FOR_US, ...NO_ANSWER)) throw error;
      if (!local) throw noImage(name, named?.config, platform, error);
      const hint = error.message;
      workshop.onEvent({
        type: 'warning',
        message: `${name} is taken from the store, not from a registry`,
        hint,
      });
      return imageAsBase(name, local.config, workshop);
    }
  });
}

function isFor(image: ImageConfig, platform: Platform | undefined): boolean {
  return platform === undefined || (image.os === platform.os && image.architecture === platform.architecture);
}

/** A registry that was named and does not answer, or not to us, is another matter than a name that nobody knows. */
function noImage(
  name: string,
  other: ImageConfig | undefined,
  platform: Platform | undefined,
  error?: HyperfileError,
): HyperfileError {
  if (other !== undefined && platform !== undefined) {
    const available = [describePlatform(other)];
    const data = { name, platform: describePlatform(platform), available };
    return new HyperfileError('OCI_PLATFORM_MISSING', { data, ...(error && { cause: error }) });
  }
  if (error === undefined) return new HyperfileError('BUILD_NO_IMAGE', { data: { name } });
  const namesHost = /^[^/]*[.:][^/]*\/|^localhost\//.test(name);
  if (namesHost && isHyperfileError(error, ...NOT_FOR_US, ...NO_ANSWER)) return error;
  const hint = `A registry was asked too: ${error.message}. Build or import the image, or log in with \`hyperfile login\`.`;
  return new HyperfileError('BUILD_NO_IMAGE', { data: { name }, hint, cause: error });
}

function looksLikeId(name: string): boolean {
  return /^(sha256:)?[0-9a-f]{12,64}$/.test(name);
}
