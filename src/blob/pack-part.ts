/** Makes the blob of a part: reads, compresses and hashes its frames side by side, and writes them in order. */
import { createHash, subtle } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError } from '../base/error.ts';
import type { Listener } from '../base/events.ts';
import { digestFromHex, digestOf } from '../oci/digest.ts';
import type { FileExtent, LayerBlob } from '../oci/layer-form.ts';
import { ContentMap } from './content-map.ts';
import { FrameLine } from './frame-line.ts';
import {
  compressFrame,
  DEFAULT_LEVEL,
  FRAME_BYTES,
  frameContentBytes,
  frameCount,
  releaseFrame,
} from './frames.ts';
import type { LayerPart } from './parts.ts';
import { encodeTables, type FrameEntry } from './tables.ts';

export interface PackOptions {
  /** Of zstd; default 3. */
  readonly level?: number;
  readonly signal?: AbortSignal;
  /** Bytes of content packed so far. */
  readonly onProgress?: Listener<number>;
}

/**
 * Writes the blob of one part to a new file. Nothing is left of it when this fails.
 *
 * @throws HyperfileError DISK_CUT_SHORT when the layer's file ends too soon, DISK_FULL, INTERRUPTED
 */
export async function packPart(
  vhdxPath: string,
  part: LayerPart,
  targetPath: string,
  options: PackOptions = {},
): Promise<LayerBlob> {
  const source = await open(vhdxPath, 'r');
  try {
    const target = await open(targetPath, 'wx');
    try {
      return await new Packer(source, vhdxPath, target, part, options).pack();
    } catch (error) {
      rmSync(targetPath, { force: true });
      throw diskFullAt(targetPath, error);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Memory for content, lent to frames under way: never more pieces than those have places. */
const spare: Buffer[] = [];

interface Packed {
  readonly memory: Buffer;
  readonly content: Buffer;
  readonly frame: Buffer;
  readonly digest: Uint8Array;
}

class Packer {
  readonly #source: FileHandle;
  readonly #sourcePath: string;
  readonly #target: FileHandle;
  readonly #part: LayerPart;
  readonly #options: PackOptions;
  readonly #frames: FrameEntry[] = [];
  readonly #contentSum = createHash('sha256');
  readonly #sum = createHash('sha256');
  #sizeBytes = 0;
  #packedBytes = 0;

  constructor(
    source: FileHandle,
    sourcePath: string,
    target: FileHandle,
    part: LayerPart,
    options: PackOptions,
  ) {
    this.#source = source;
    this.#sourcePath = sourcePath;
    this.#target = target;
    this.#part = part;
    this.#options = options;
  }

  async pack(): Promise<LayerBlob> {
    await this.#packFrames();
    const tables = encodeTables(this.#frames);
    await this.#append(tables);
    const { kind, windowIndex, contentBytes } = this.#part;
    return {
      kind,
      digest: digestFromHex(this.#sum.digest('hex')),
      sizeBytes: this.#sizeBytes,
      contentDigest: digestFromHex(this.#contentSum.digest('hex')),
      contentBytes,
      tablesDigest: digestOf(tables),
      tablesBytes: tables.length,
      ...(windowIndex !== undefined && { windowIndex }),
    };
  }

  async #packFrames(): Promise<void> {
    const { contentBytes, extents } = this.#part;
    const line = new FrameLine(this.#options.signal);
    const map = new ContentMap(extents);
    try {
      for (let index = 0; index < frameCount(contentBytes); index++) {
        const places = map.take(frameContentBytes(contentBytes, index));
        await line.add(
          () => this.#compress(places),
          (packed) => this.#write(packed),
        );
      }
      await line.end();
    } finally {
      await line.rest();
    }
  }

  async #compress(places: readonly FileExtent[]): Promise<Packed> {
    const memory = spare.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES);
    let length = 0;
    for (const place of places) {
      await this.#read(memory.subarray(length, length + place.length), place.fileOffset);
      length += place.length;
    }
    const content = memory.subarray(0, length);
    const frame = await compressFrame(content, this.#options.level ?? DEFAULT_LEVEL);
    return { memory, content, frame, digest: new Uint8Array(await subtle.digest('SHA-256', frame)) };
  }

  async #read(target: Buffer, fileOffset: number): Promise<void> {
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await this.#source.read(target, done, target.length - done, fileOffset + done);
      if (bytesRead === 0) {
        const data = { path: this.#sourcePath, end: fileOffset + target.length };
        throw new HyperfileError('DISK_CUT_SHORT', { data });
      }
      done += bytesRead;
    }
  }

  async #write({ memory, content, frame, digest }: Packed): Promise<void> {
    const contentBytes = content.length;
    this.#contentSum.update(content);
    spare.push(memory);
    this.#frames.push({ compressedBytes: frame.length, contentBytes, digest });
    await this.#append(frame);
    releaseFrame(frame);
    this.#packedBytes += contentBytes;
    this.#options.onProgress?.(this.#packedBytes);
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#sum.update(bytes);
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#target.write(bytes, done, bytes.length - done, this.#sizeBytes);
      done += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }
}
