/** Makes the blob of a part, a frame at a time. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { HyperfileError } from '../base/error.ts';
import { removeFile } from '../base/patience.ts';
import { digestFromHex, digestOf } from '../oci/digest.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import { ContentMap } from './content-map.ts';
import { compressFrame, FRAME_BYTES, frameContentBytes, frameCount, releaseFrame } from './frames.ts';
import type { LayerPart } from './parts.ts';
import { encodeTables, type FrameEntry } from './tables.ts';

export interface PackJob {
  readonly vhdxPath: string;
  readonly part: LayerPart;
  /** Does not exist. */
  readonly targetPath: string;
  /** Of zstd. */
  readonly level: number;
}

export class Packer {
  readonly #job: PackJob;
  readonly #source: number;
  readonly #target: number;
  readonly #map: ContentMap;
  readonly #memory = Buffer.allocUnsafeSlow(FRAME_BYTES);
  readonly #frames: FrameEntry[] = [];
  readonly #contentSum = createHash('sha256');
  readonly #sum = createHash('sha256');
  #sizeBytes = 0;
  #packedBytes = 0;

  /** Opens both files. Throws the system's errors. */
  constructor(job: PackJob) {
    this.#job = job;
    this.#map = new ContentMap(job.part.extents);
    this.#source = openSync(job.vhdxPath, 'r');
    try {
      this.#target = openSync(job.targetPath, 'wx');
    } catch (error) {
      closeSync(this.#source);
      throw error;
    }
  }

  /** Of content, so far. */
  get packedBytes(): number {
    return this.#packedBytes;
  }

  /** Packs one more frame; false when there is none. @throws HyperfileError DISK_CUT_SHORT, and the system's errors */
  packFrame(): boolean {
    const { part, level } = this.#job;
    const index = this.#frames.length;
    if (index === frameCount(part.contentBytes)) return false;
    const content = this.#read(frameContentBytes(part.contentBytes, index));
    this.#contentSum.update(content);
    const frame = compressFrame(content, level);
    const digest = createHash('sha256').update(frame).digest();
    this.#frames.push({ compressedBytes: frame.length, contentBytes: content.length, digest });
    this.#append(frame);
    releaseFrame(frame);
    this.#packedBytes += content.length;
    return true;
  }

  /** What was made, once all frames are packed. */
  finish(): LayerBlob {
    const tables = encodeTables(this.#frames);
    this.#append(tables);
    const { kind, windowIndex, contentBytes } = this.#job.part;
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

  close(): void {
    closeSync(this.#source);
    closeSync(this.#target);
  }

  /** After something went wrong: nothing is left of it. */
  discard(): void {
    this.close();
    removeFile(this.#job.targetPath);
  }

  #read(length: number): Buffer {
    let done = 0;
    for (const { fileOffset, length: count } of this.#map.take(length)) {
      const end = done + count;
      for (let at = fileOffset; done < end;) {
        const bytesRead = readSync(this.#source, this.#memory, done, end - done, at);
        if (bytesRead === 0) {
          const data = { path: this.#job.vhdxPath, end: fileOffset + count };
          throw new HyperfileError('DISK_CUT_SHORT', { data });
        }
        done += bytesRead;
        at += bytesRead;
      }
    }
    return this.#memory.subarray(0, length);
  }

  #append(bytes: Buffer): void {
    this.#sum.update(bytes);
    for (let done = 0; done < bytes.length;) {
      const bytesWritten = writeSync(this.#target, bytes, done, bytes.length - done, this.#sizeBytes);
      done += bytesWritten;
      this.#sizeBytes += bytesWritten;
    }
  }
}
