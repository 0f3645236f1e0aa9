/** Writes images of the store to an archive or a folder, each under its whole name. */
import type { Digest } from '../oci/digest.ts';
import type { ImageConfig } from '../oci/image.ts';
import type { Repository } from '../oci/repository.ts';
import { allOrNothing } from './all-or-nothing.ts';
import type { TransferIo } from './io.ts';
import { pushImage } from './push-image.ts';

export interface ImageToSave {
  readonly image: { readonly config: ImageConfig };
  /** With its tag; absent: it is only found by its digest there. */
  readonly name?: string;
}

/**
 * Saves images, layers that several share once. Close the target afterwards: that writes an archive, unless this failed.
 *
 * @throws HyperfileError as {@link pushImage}
 */
export async function saveImages(
  images: readonly ImageToSave[],
  target: Repository,
  io: TransferIo,
): Promise<Digest[]> {
  return allOrNothing(target, async () => {
    const digests: Digest[] = [];
    for (const { image, name } of images) {
      const tag = name !== undefined && { tag: name };
      digests.push(await pushImage({ image, target, ...tag, action: 'save' }, io));
    }
    return digests;
  });
}
