/**
 * Copies images from one place to another without the store: manifests byte for byte, so that every digest stays, and
 * only the blobs that the other place lacks. What is in the blobs does not matter here: container images travel as well.
 */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { isIndex, parseManifest, type ImageIndex, type ImageManifest } from '../oci/manifest.ts';
import { choosePlatform, type WantedPlatform } from '../oci/platform-choice.ts';
import type { FetchedManifest, Repository } from '../oci/repository.ts';
import { allOrNothing } from './all-or-nothing.ts';
import { copyBlob } from './copy-blob.ts';
import type { TransferIo } from './io.ts';
import { Limiter, together } from './limits.ts';
import { nameOf, notFound } from './remote-image.ts';
import { withTransfer } from './session.ts';

export type CopyIo = Omit<TransferIo, 'store'>;

export interface ImageToCopy {
  readonly from: Repository;
  /** A tag or a digest there. */
  readonly reference: string;
  readonly to: Repository;
  /** Absent: it is only found by its digest there. */
  readonly tag?: string;
  /** Of an index: the image for a platform, or `all` with the index itself. */
  readonly platform: WantedPlatform | 'all';
}

/** Layers that are only to be had from whoever made them. */
const NOT_DISTRIBUTED = /nondistributable|foreign/;

/**
 * Copies an image, or a whole index, and returns its digest. When the tag stands for it already nothing else is asked.
 *
 * @throws HyperfileError TRANSFER_IMAGE_NOT_FOUND, OCI_PLATFORM_MISSING, OCI_MANIFEST_INVALID, those of the places and of
 *   blobs that are not what they should be, INTERRUPTED
 */
export async function copyImage(copy: ImageToCopy, io: CopyIo): Promise<Digest> {
  const { from, reference, to, tag, platform } = copy;
  const name = nameOf(from, reference);
  const { digest } = await withTransfer(io, { action: 'copy', name }, async (counted) => {
    const copier = new Copier(from, to, counted);
    const { descriptor } = await allOrNothing(to, () => copier.copy(reference, tag, platform));
    return { digest: descriptor.digest };
  });
  return digest;
}

/** Copies manifests between two places, with all that they lead to. */
export class Copier {
  readonly #from: Repository;
  readonly #to: Repository;
  readonly #io: CopyIo;
  readonly #limiter: Limiter;
  readonly #blobs = new Map<Digest, Promise<void>>();

  constructor(from: Repository, to: Repository, io: CopyIo) {
    this.#from = from;
    this.#to = to;
    this.#io = io;
    this.#limiter = new Limiter(io.concurrency);
  }

  /** @throws HyperfileError as {@link copyImage} */
  async copy(
    reference: string,
    tag: string | undefined,
    platform: ImageToCopy['platform'],
  ): Promise<FetchedManifest> {
    const { signal } = this.#io;
    const fetched = await this.#from.manifest(reference, { signal });
    if (fetched === undefined) throw notFound(this.#from, reference);
    const name = nameOf(this.#from, reference);
    const manifest = parseManifest(fetched.bytes, name);
    if (isIndex(manifest) && platform !== 'all')
      return this.copy(choosePlatform(manifest, platform, name).digest, tag, 'all');
    const { digest, mediaType } = fetched.descriptor;
    if ((await this.#to.resolve(tag ?? digest, { signal }))?.digest === digest) return fetched;
    if (isIndex(manifest)) await this.#copyImages(manifest);
    else await this.#copyBlobs(manifest);
    await this.#to.putManifest({ mediaType, bytes: fetched.bytes }, tag, { signal });
    return fetched;
  }

  async #copyImages({ manifests }: ImageIndex): Promise<void> {
    for (const { digest } of manifests) await this.copy(digest, undefined, 'all');
  }

  async #copyBlobs({ config, layers }: ImageManifest): Promise<void> {
    const blobs = layers
      .map((descriptor, index) => ({ descriptor, label: `layer ${index + 1} of ${layers.length}` }))
      .filter(({ descriptor }) => !NOT_DISTRIBUTED.test(descriptor.mediaType));
    // The config last: with it, what is there looks like an image.
    const tasks = [...blobs, { descriptor: config, label: 'config' }].map(
      ({ descriptor, label }) =>
        (signal: AbortSignal) =>
          this.#copyOnce(descriptor, label, signal),
    );
    await together(this.#io.signal, tasks);
  }

  #copyOnce(descriptor: Descriptor, label: string, signal: AbortSignal): Promise<void> {
    const { digest } = descriptor;
    const copying =
      this.#blobs.get(digest) ??
      this.#limiter.run(signal, () =>
        copyBlob({ from: this.#from, to: this.#to, descriptor, label }, { ...this.#io, signal }),
      );
    this.#blobs.set(digest, copying);
    return copying;
  }
}
