/** One layer of a container image: what its media type says, and its tar on the way to the disk. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { HyperfileError } from '../../base/error.ts';
import type { Listener } from '../../base/events.ts';
import { decompress, detectArchive, type ArchiveKind } from '../../fs/archive.ts';
import type { GuestFiles } from '../../fs/guest-files.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestFromHex, type Digest } from '../../oci/digest.ts';

export interface ContainerLayer {
  /** `layer 2 of debian:12`, for errors. */
  readonly label: string;
  readonly descriptor: Descriptor;
  /** Digest of the tar. */
  readonly diffId: Digest;
}

/** Image-spec, media-types.md; distribution's image manifest, schema 2; `docker save` writes plain tars. */
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[+.](?:gzip|zstd))?$/;
const ELSEWHERE_TYPE = /\.nondistributable\.|\.foreign\./;
const ENCRYPTED_TYPE = /\+encrypted$/;
/** Enough to know a compression. */
const HEAD_BYTES = 6;

/** @throws HyperfileError BUILD_CONTAINER_LAYER for what is no tar that the image itself brings */
export function checkLayer({ label, descriptor }: ContainerLayer): void {
  const { mediaType } = descriptor;
  const reason = ELSEWHERE_TYPE.test(mediaType)
    ? 'its content may not be distributed: it is somewhere else than the image'
    : ENCRYPTED_TYPE.test(mediaType)
      ? 'it is encrypted'
      : LAYER_TYPE.test(mediaType)
        ? undefined
        : `${mediaType} is no form of a layer that Hyperfile knows`;
  if (reason !== undefined) throw refusal(label, reason);
}

export interface UnpackOptions {
  /** More than a disk can hold is never unpacked. */
  readonly diskBytes: number;
  readonly signal: AbortSignal;
  /** Compressed bytes, as they are used. */
  readonly onBytes: Listener<number>;
}

/**
 * Applies a layer to the root file system.
 *
 * @param blob Its compressed bytes, verified at the end.
 * @throws HyperfileError BUILD_CONTAINER_LAYER, BUILD_CONTAINER_DIFF_ID, of the archive, and what the blob throws
 */
export async function unpackLayer(
  layer: ContainerLayer,
  blob: AsyncIterable<Uint8Array>,
  files: GuestFiles,
  { diskBytes, signal, onBytes }: UnpackOptions,
): Promise<void> {
  const { label, diffId } = layer;
  const { kind, bytes } = await recognise(counted(blob, onBytes));
  if (kind === 'bzip2' || kind === 'xz') throw refusal(label, `layers are not compressed with ${kind}`);
  const sum = createHash('sha256');
  const tar = measured(decompress(bytes, kind, label), label, diskBytes, (piece) => sum.update(piece));
  const stream = Readable.from(tar, { objectMode: false });
  await files.extract(stream, { destination: '/', archiveName: label, whiteouts: true, signal });
  const found = digestFromHex(sum.digest('hex'));
  if (found === diffId) return;
  throw new HyperfileError('BUILD_CONTAINER_DIFF_ID', { data: { layer: label, found, expected: diffId } });
}

async function* counted(blob: AsyncIterable<Uint8Array>, onBytes: Listener<number>): AsyncGenerator<Buffer> {
  for await (const piece of blob) {
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    onBytes(piece.length);
  }
}

/** The content decides: what a layer's type says of its compression is wrong in many an image. */
async function recognise(pieces: AsyncGenerator<Buffer>): Promise<{ kind: ArchiveKind; bytes: Readable }> {
  const first: Buffer[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const next = await pieces.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  const head = Buffer.concat(first);
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* pieces;
  }
  const bytes = Readable.from(whole(), { objectMode: false });
  return { kind: detectArchive(head.subarray(0, HEAD_BYTES)) ?? 'tar', bytes };
}

async function* measured(
  tar: Readable,
  label: string,
  limitBytes: number,
  onPiece: Listener<Buffer>,
): AsyncGenerator<Buffer> {
  let sizeBytes = 0;
  for await (const piece of tar as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes)
      throw new HyperfileError('BUILD_CONTAINER_TOO_LARGE', { data: { layer: label, limitBytes } });
    onPiece(piece);
    yield piece;
  }
}

function refusal(layer: string, reason: string): HyperfileError {
  return new HyperfileError('BUILD_CONTAINER_LAYER', { data: { layer, reason } });
}
