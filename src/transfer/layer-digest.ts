/** The identity of a layer in the store whose form nobody remembers: read from its file, packing nothing. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { planParts, type LayerPart } from '../blob/parts.ts';
import { HyperfileError } from '../base/error.ts';
import { digestFromHex, type Digest } from '../oci/digest.ts';
import { cutLayerDigest } from '../oci/layer-descriptors.ts';

const PIECE_BYTES = 1 << 20;

/** @throws HyperfileError INTERRUPTED, and those of `planParts` */
export async function digestOfLayer(path: string, signal: AbortSignal): Promise<Digest> {
  const digests: Digest[] = [];
  const parts = planParts(path);
  for (const part of parts) digests.push(await digestOfPart(path, part, signal));
  return parts[0]?.kind === 'whole' ? digests[0] : cutLayerDigest(digests);
}

async function digestOfPart(path: string, { extents }: LayerPart, signal: AbortSignal): Promise<Digest> {
  const sum = createHash('sha256');
  for (const { fileOffset, length } of extents) {
    if (length === 0) continue;
    const range = { start: fileOffset, end: fileOffset + length - 1, highWaterMark: PIECE_BYTES };
    for await (const piece of createReadStream(path, range)) {
      if (signal.aborted) throw new HyperfileError('INTERRUPTED');
      sum.update(piece as Buffer);
    }
  }
  return digestFromHex(sum.digest('hex'));
}
