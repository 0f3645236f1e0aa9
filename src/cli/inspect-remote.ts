/** What `hyperfile inspect --remote` does: shows what a name stands for elsewhere, fetching only descriptions. */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { decodeImage, MAX_CONFIG_BYTES } from '../oci/image-artifact.ts';
import { referenceOf } from '../oci/location.ts';
import { isIndex, parseManifest, type ImageManifest } from '../oci/manifest.ts';
import { IMAGE_TYPE } from '../oci/media-types.ts';
import { choosePlatform } from '../oci/platform-choice.ts';
import type { FetchedManifest, Repository } from '../oci/repository.ts';
import { readSmallBlob } from '../oci/verified-blob.ts';
import type { Platform } from '../plan/platform.ts';
import type { Console } from './console.ts';
import { placeOf, withPlaces, withRepository, type PlaceIo } from './places.ts';
import { safeJson } from './safe-json.ts';
import type { InspectFlags } from './verbs/inspect.ts';

/** Prints a JSON list, or the one manifest as it is. @throws HyperfileError of the places and of what they hold */
export async function inspectRemote(
  names: readonly string[],
  flags: InspectFlags,
  console: Console,
): Promise<void> {
  await withPlaces(console, async (io) => {
    if (flags.raw) {
      const { bytes } = await lookAt(names[0] ?? '', flags, { ...io, console }, fetchManifest);
      console.out.write(Buffer.from(bytes));
      return;
    }
    const found: object[] = [];
    for (const name of names) found.push(await lookAt(name, flags, { ...io, console }, describe));
    console.out.write(`${safeJson(found, 2)}\n`);
  });
}

interface Subject {
  readonly name: string;
  readonly repository: Repository;
  readonly reference: string;
  readonly platform: Platform | undefined;
  readonly signal: AbortSignal;
}

function lookAt<T>(
  name: string,
  flags: InspectFlags,
  io: PlaceIo & { readonly console: Console },
  look: (subject: Subject) => Promise<T>,
): Promise<T> {
  const place = placeOf(name, io.console);
  const reference = referenceOf(place);
  const { platform } = flags;
  const { signal } = io;
  return withRepository(place, flags, io, (repository) =>
    look({ name, repository, reference, platform, signal }),
  );
}

/** What the name stands for; with a platform, the image of the index for it. */
async function fetchManifest(subject: Subject): Promise<FetchedManifest> {
  const { name, repository, reference, platform, signal } = subject;
  const fetched = await repository.manifest(reference, { signal });
  if (fetched === undefined)
    throw new HyperfileError('TRANSFER_IMAGE_NOT_FOUND', { data: { name: repository.name, reference } });
  if (platform === undefined) return fetched;
  const manifest = parseManifest(fetched.bytes, name);
  if (!isIndex(manifest)) return fetched;
  const { digest } = choosePlatform(manifest, platform, name);
  return fetchManifest({ ...subject, reference: digest });
}

async function describe(subject: Subject): Promise<object> {
  const { name } = subject;
  const { bytes, descriptor } = await fetchManifest(subject);
  const parsed = parseManifest(bytes, name);
  const manifest: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  const { digest } = descriptor;
  if (isIndex(parsed)) {
    const images = parsed.manifests.map(({ digest, size, platform, artifactType }) => ({
      digest,
      sizeBytes: size,
      platform,
      artifactType,
    }));
    return { name, digest, kind: 'index', images, manifest };
  }
  return { name, digest, ...(await describeImage(parsed, subject)), manifest };
}

async function describeImage(manifest: ImageManifest, subject: Subject): Promise<object> {
  const { name, repository, signal } = subject;
  const sizeBytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  const bytes = await readSmallBlob(repository, manifest.config, MAX_CONFIG_BYTES, { signal });
  if (manifest.artifactType === IMAGE_TYPE) {
    const { config, layers } = decodeImage(manifest, bytes, name);
    const shown = layers.map(({ id, parent, key, form }) => ({
      id,
      parent,
      key,
      digest: form.digest,
      fileBytes: form.sizeBytes,
      sizeBytes: form.blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0),
      blobs: form.blobs.map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
    }));
    return { kind: 'machine', sizeBytes, config, layers: shown };
  }
  const layers = manifest.layers.map(showBlob);
  const kind = manifest.artifactType === undefined ? 'container' : 'artifact';
  return { kind, sizeBytes, config: parseJson(bytes), layers };
}

function showBlob({ digest, size, mediaType }: Descriptor): object {
  return { digest, sizeBytes: size, mediaType };
}

/** The config of an artifact may be anything. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
