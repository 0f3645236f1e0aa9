/**
 * What `docker save` writes, as a repository: `manifest.json` lists images with their config and layers, plain tars under
 * names of their own. Each image gets a Docker manifest here, made from the digests of what lies there. Archives older
 * than Docker 1.10 have no `manifest.json` and are refused.
 */
import { createHash } from 'node:crypto';
import {
  ArchiveRepository,
  memberBlob,
  readMember,
  type OpenArchive,
  type OpenArchiveOptions,
} from './archive.ts';
import { readRange } from './blob-file.ts';
import type { Descriptor } from './descriptor.ts';
import { digestFromHex, digestOf, isDigest, type Digest } from './digest.ts';
import { Fields, parseJson, type Refuse } from './fields.ts';
import { MAX_CONFIG_BYTES } from './image-artifact.ts';
import { LayoutIndex } from './layout-index.ts';
import type { LocalBlob } from './local-repository.ts';
import { encodeManifest, MAX_MANIFEST_BYTES } from './manifest.ts';
import { DOCKER_CONFIG, DOCKER_MANIFEST } from './media-types.ts';
import type { Repository } from './repository.ts';
import { compressionAt, type Compression } from './tar-file.ts';
import type { TarMember } from './tar-members.ts';

const MANIFEST_FILE = 'manifest.json';
const MAX_IMAGES = 10_000;
const MAX_LAYERS = 4096;
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar';
/** How an OCI layout beside it names the same file. */
const BLOB_NAME = /^blobs\/sha256\/([0-9a-f]{64})$/;

/**
 * Images go by the names that they were saved with, or the end of one that is nobody else's; the only one by `latest`.
 * Nothing is touched before the repository is used. Its methods throw, besides what {@link Repository} says,
 * OCI_ARCHIVE_INVALID, OCI_ACCESS, DISK_FULL and TOOL_MISSING.
 */
export function openDockerArchive(file: string, options: OpenArchiveOptions = {}): Repository {
  return new DockerArchive('docker-archive', file, options);
}

class DockerArchive extends ArchiveRepository {
  readonly #blobs = new Map<Digest, LocalBlob>();

  protected override async blob(digest: Digest): Promise<LocalBlob | undefined> {
    await this.index();
    return this.#blobs.get(digest);
  }

  protected override async readImages(archive: OpenArchive, refuse: Refuse): Promise<LayoutIndex> {
    const bytes = await readMember(archive, MANIFEST_FILE, MAX_MANIFEST_BYTES, refuse);
    const refuseHere: Refuse = (reason) => refuse(`${MANIFEST_FILE}: ${reason}`);
    const list = new Fields({ images: parseJson(bytes, refuseHere) }, '', refuseHere);
    let index = LayoutIndex.empty;
    for (const image of list.objects('images', MAX_IMAGES)) {
      const descriptor = await this.#readImage(archive, image, refuse);
      const tags = image.optionalTextList('RepoTags', MAX_IMAGES) ?? [];
      for (const tag of tags.length === 0 ? [undefined] : tags) index = index.with(descriptor, tag, []);
    }
    return index;
  }

  /** Makes the image's manifest. */
  async #readImage(archive: OpenArchive, image: Fields, refuse: Refuse): Promise<Descriptor> {
    const configBytes = await readMember(archive, image.text('Config'), MAX_CONFIG_BYTES, refuse);
    const config = this.#keep(configBytes, DOCKER_CONFIG);
    const names = image.textList('Layers', MAX_LAYERS);
    const diffIds = readDiffIds(configBytes, refuse);
    const layers: Descriptor[] = [];
    for (const [position, name] of names.entries()) {
      const diffId = diffIds.length === names.length ? diffIds[position] : undefined;
      layers.push(await this.#readLayer(archive, name, diffId, refuse));
    }
    const { bytes } = encodeManifest({ schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers });
    return this.#keep(bytes, DOCKER_MANIFEST);
  }

  async #readLayer(
    { file, members }: OpenArchive,
    name: string,
    diffId: Digest | undefined,
    refuse: Refuse,
  ): Promise<Descriptor> {
    const member = members.find(name);
    if (member === undefined) throw refuse(`it has no file ${name}`);
    const compression = await compressionAt(file, member.fileOffset);
    // What a name or a config claims is checked, like any digest, by whoever reads the layer.
    const [, hex] = BLOB_NAME.exec(name) ?? [];
    const known = hex !== undefined ? digestFromHex(hex) : compression === undefined ? diffId : undefined;
    const digest = known ?? (await digestOfMember({ file, members }, member));
    this.#blobs.set(digest, memberBlob(file, member));
    return { mediaType: layerType(compression), digest, size: member.sizeBytes };
  }

  #keep(bytes: Uint8Array, mediaType: string): Descriptor {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, { sizeBytes: bytes.length, read: (start, end) => piece(bytes, start, end) });
    return { mediaType, digest, size: bytes.length };
  }
}

/** Digests of the layers' plain tars. */
function readDiffIds(configBytes: Uint8Array, refuse: Refuse): readonly Digest[] {
  const config = Fields.parse(configBytes, (reason) => refuse(`the config of an image: ${reason}`));
  const rootfs = config.has('rootfs') ? config.object('rootfs') : undefined;
  return (rootfs?.optionalTextList('diff_ids', MAX_LAYERS) ?? []).filter(isDigest);
}

async function digestOfMember({ file }: OpenArchive, member: TarMember): Promise<Digest> {
  const sum = createHash('sha256');
  const end = member.fileOffset + member.sizeBytes;
  for await (const bytes of readRange(file, member.fileOffset, end)) sum.update(bytes);
  return digestFromHex(sum.digest('hex'));
}

function layerType(compression: Compression | undefined): string {
  return compression === undefined ? LAYER_TYPE : `${LAYER_TYPE}.${compression}`;
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* piece(bytes: Uint8Array, start: number, end: number): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(start, end);
}
