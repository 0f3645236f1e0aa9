/** An ordinary container image as other programs make it, for tests: its layers as tars, its config, its manifest. */
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { encodeManifest, type EncodedManifest } from '../../src/oci/manifest.ts';
import { OCI_CONFIG, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Repository } from '../../src/oci/repository.ts';

export interface ContainerImage {
  readonly manifest: EncodedManifest;
  readonly config: Uint8Array;
  /** Plain. */
  readonly tars: readonly Buffer[];
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
}

/** A tar of files by name; what begins with `->` is a symbolic link. */
export async function tarOf(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) {
    const mtime = new Date(0);
    const target = typeof content === 'string' && content.startsWith('->') ? content.slice(2) : undefined;
    if (target !== undefined) archive.entry({ name, type: 'symlink', linkname: target, mtime });
    else archive.entry({ name, mtime }, content);
  }
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

export async function makeContainerImage(
  layers: readonly Readonly<Record<string, string>>[],
  architecture = 'amd64',
): Promise<ContainerImage> {
  const tars = await Promise.all(layers.map(tarOf));
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
      history: tars.map(() => ({ created: '2026-01-01T00:00:00Z' })),
    }),
  );
  const describe = (mediaType: string, bytes: Uint8Array): { descriptor: Descriptor; bytes: Uint8Array } => ({
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
    bytes,
  });
  const configBlob = describe(OCI_CONFIG, config);
  const layerBlobs = tars.map((tar) =>
    describe('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar)),
  );
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: configBlob.descriptor,
    layers: layerBlobs.map(({ descriptor }) => descriptor),
  });
  return { manifest, config, tars, blobs: [configBlob, ...layerBlobs] };
}

export async function pushContainer(
  image: ContainerImage,
  repository: Repository,
  tag: string | undefined,
): Promise<void> {
  await Promise.all(image.blobs.map(({ descriptor, bytes }) => push(repository, descriptor, bytes)));
  await repository.putManifest(image.manifest, tag);
}

export async function push(repository: Repository, blob: Descriptor, bytes: Uint8Array): Promise<void> {
  await repository.pushBlob(blob, {
    // eslint-disable-next-line @typescript-eslint/require-await
    async *read(offset) {
      for (let at = offset; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    },
  });
}

export async function pull(
  repository: Repository,
  blob: Descriptor,
  offset = 0,
  length?: number,
): Promise<Buffer> {
  const { stream } = await repository.readBlob(blob, { offset, ...(length !== undefined && { length }) });
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
