/** Sector bitmaps: which sectors of a partial block are its own (MS-VHDX section 2.5.1.2). */
import { Bitmap } from '../bytes/bitmap.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import type { Bat } from './bat.ts';
import { MIB } from './format.ts';
import type { Geometry } from './geometry.ts';

const PAGE_BYTES = 4096;

/** `count` bits of a partial block from its sector `first` on; both are multiples of 8. */
export function readBlockBits(
  layer: Pick<Bat, 'bitmapMb'> & { readonly file: BlockFile; readonly geometry: Geometry },
  block: number,
  first: number,
  count: number,
): Bitmap {
  const { chunkRatio, bitmapBytesPerBlock } = layer.geometry;
  const bitmapMb = layer.bitmapMb.get(Math.floor(block / chunkRatio));
  if (bitmapMb === undefined) throw new Error('a partial block without a bitmap passed the checks');
  const fileOffset = bitmapMb * MIB + (block % chunkRatio) * bitmapBytesPerBlock + first / 8;
  return Bitmap.fromBytes(readBytes(layer.file, fileOffset, count / 8), count);
}

/** Writes the bits of one chunk's partial blocks, only pages that hold any, into a bitmap block that is a hole. */
export function writeChunkBits(
  file: BlockFile,
  bitmapMb: number,
  geometry: Geometry,
  blocks: Iterable<readonly [block: number, bits: Bitmap]>,
): void {
  const chunk = new Uint8Array(MIB);
  for (const [block, bits] of blocks) {
    chunk.set(bits.bytes(), (block % geometry.chunkRatio) * geometry.bitmapBytesPerBlock);
  }
  for (let at = 0; at < MIB; at += PAGE_BYTES) {
    if (!isZero(chunk, at, at + PAGE_BYTES)) file.writeAt(chunk, at, PAGE_BYTES, bitmapMb * MIB + at);
  }
}
