/**
 * Decompresses zstd files of any number of frames (RFC 8878, section 3.1), as `zstd -d` does; Node's own stream stops
 * in silence after the first. Frames are found by their block headers and decompressed one after the other.
 */
import { pipeline, Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { HyperfileError } from '../base/error.ts';
import { ByteQueue } from './byte-queue.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** 0x184d2a50 to 0x184d2a5f: data for others, such as the table of a seekable file. */
const SKIPPABLE_MAGIC = 0x184d2a5;
const BLOCK_RLE = 1;
const PIECE_BYTES = 512 * 1024;

/** @throws HyperfileError FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT; damage inside a frame throws Node's own errors */
export async function* decompressZstd(input: Readable, archive: string): AsyncGenerator<Buffer> {
  const source = new ByteQueue(input, () => cutShort(archive));
  while (!(await source.isAtEnd())) {
    const magic = await source.take(4);
    const number = magic.readUInt32LE();
    if (number >>> 4 === SKIPPABLE_MAGIC) await source.skip((await source.take(4)).readUInt32LE());
    else if (number === FRAME_MAGIC) yield* decompressFrame(magic, source);
    else {
      const data = { archive, detail: 'something that is not zstd lies between its frames' };
      throw new HyperfileError('FS_ARCHIVE_CORRUPT', { data });
    }
  }
}

async function* decompressFrame(magic: Buffer, source: ByteQueue): AsyncGenerator<Buffer> {
  const stage = createZstdDecompress({ chunkSize: PIECE_BYTES });
  // Its error arrives through the stage.
  pipeline(Readable.from(frameBytes(magic, source)), stage, () => undefined);
  for await (const piece of stage) yield piece as Buffer;
}

/** The bytes of one frame, whose magic number is read already. */
async function* frameBytes(magic: Buffer, source: ByteQueue): AsyncGenerator<Buffer> {
  const descriptor = await source.take(1);
  yield Buffer.concat([magic, descriptor, await source.take(headerRest(descriptor.readUInt8()))]);
  for (let isLast = false; !isLast;) {
    const header = await source.take(3);
    const value = header.readUIntLE(0, 3);
    isLast = (value & 1) === 1;
    const sizeBytes = ((value >> 1) & 3) === BLOCK_RLE ? 1 : value >> 3;
    yield header;
    if (sizeBytes > 0) yield await source.take(sizeBytes);
  }
  const hasChecksum = (descriptor.readUInt8() & 4) !== 0;
  if (hasChecksum) yield await source.take(4);
}

/** How long the frame's header is after its descriptor. */
function headerRest(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const contentSizeBytes = contentSizeFlag === 0 ? Number(isSingleSegment) : 2 ** contentSizeFlag;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
}

function cutShort(archive: string): HyperfileError {
  const data = { archive, detail: 'its compressed data ends too soon' };
  return new HyperfileError('FS_ARCHIVE_CUT_SHORT', { data });
}
