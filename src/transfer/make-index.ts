/** Makes one name for several images: an index from which everybody takes the image for their platform. */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor, DescriptorPlatform } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { Fields } from '../oci/fields.ts';
import { MAX_CONFIG_BYTES } from '../oci/image-artifact.ts';
import { indexManifest, isIndex, parseManifest, type ImageManifest } from '../oci/manifest.ts';
import type { Repository } from '../oci/repository.ts';
import { readSmallBlob } from '../oci/verified-blob.ts';
import { Copier, type CopyIo } from './copy-image.ts';
import { nameOf, notFound } from './remote-image.ts';
import { withTransfer } from './session.ts';

export interface IndexSource {
  readonly from: Repository;
  /** A tag or a digest there; an index stands for all it lists. */
  readonly reference: string;
}

export interface IndexToMake {
  readonly sources: readonly IndexSource[];
  readonly to: Repository;
  readonly tag: string;
}

/**
 * Copies what the target lacks of the images, then puts the index there under the tag. Returns its digest.
 *
 * @throws HyperfileError as `copyImage`, and OCI_IMAGE_INVALID for an image that does not say its platform
 */
export async function makeIndex({ sources, to, tag }: IndexToMake, io: CopyIo): Promise<Digest> {
  const name = nameOf(to, tag);
  const { digest } = await withTransfer(io, { action: 'copy', name }, async (counted) => {
    const entries: Descriptor[] = [];
    for (const source of sources) entries.push(...(await takeSource(source, to, counted)));
    const { descriptor, ...manifest } = indexManifest(withoutRepeats(entries));
    await to.putManifest(manifest, tag, { signal: io.signal });
    return { digest: descriptor.digest };
  });
  return digest;
}

async function takeSource(
  { from, reference }: IndexSource,
  to: Repository,
  io: CopyIo,
): Promise<Descriptor[]> {
  const { signal } = io;
  const found = await from.resolve(reference, { signal });
  if (found === undefined) throw notFound(from, reference);
  const { descriptor, bytes } = await new Copier(from, to, io).copy(found.digest, undefined, 'all');
  const name = nameOf(from, reference);
  const manifest = parseManifest(bytes, name);
  if (isIndex(manifest)) return [...manifest.manifests];
  const platform = await platformOf(manifest, from, name, signal);
  const { mediaType, digest, size } = descriptor;
  const type = manifest.artifactType !== undefined && { artifactType: manifest.artifactType };
  return [{ mediaType, digest, size, ...type, platform }];
}

/** Configs of machines and of containers say it in the same words. */
async function platformOf(
  { config }: ImageManifest,
  from: Repository,
  name: string,
  signal: AbortSignal,
): Promise<DescriptorPlatform> {
  const refuse = (reason: string): HyperfileError =>
    new HyperfileError('OCI_IMAGE_INVALID', { data: { name, reason } });
  const bytes = await readSmallBlob(from, config, MAX_CONFIG_BYTES, { signal });
  const fields = Fields.parse(bytes, refuse);
  const variant = fields.optionalText('variant');
  const version = fields.optionalText('os.version');
  return {
    os: fields.text('os'),
    architecture: fields.text('architecture'),
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { 'os.version': version }),
  };
}

function withoutRepeats(entries: readonly Descriptor[]): Descriptor[] {
  return [...new Map(entries.map((entry) => [entry.digest, entry])).values()];
}
