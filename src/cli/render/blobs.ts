/** What the views keep about the blobs that are on their way. */
import type { Digest } from '../../oci/digest.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import { movedFigures, type Moving } from './moving.ts';
import { cleanText } from './output-lines.ts';
import { Rate } from './rate.ts';

export type BlobStart = Extract<TransferEvent, { type: 'blob-start' }>;
export type BlobProgress = Extract<TransferEvent, { type: 'blob-progress' }>;
export type BlobEnd = Extract<TransferEvent, { type: 'blob-end' }>;

/** Its rate counts from the first progress on: what was there before (a download that goes on) says nothing about speed. */
export interface MovingBlob extends Moving {
  /** When a log last heard of it. */
  toldMs: number;
}

export class MovingBlobs {
  readonly #byDigest = new Map<Digest, MovingBlob>();

  start({ blob, label, totalBytes }: BlobStart, nowMs: number): MovingBlob {
    const moving: MovingBlob = {
      label: cleanText(label),
      rate: undefined,
      progress: { done: 0, total: totalBytes, unit: 'bytes' },
      toldMs: nowMs,
    };
    this.#byDigest.set(blob, moving);
    return moving;
  }

  progress({ blob, doneBytes, totalBytes }: BlobProgress, nowMs: number): MovingBlob | undefined {
    const moving = this.#byDigest.get(blob);
    if (!moving) return undefined;
    moving.progress = { done: doneBytes, total: totalBytes, unit: 'bytes' };
    if (moving.rate) moving.rate.add(nowMs, doneBytes);
    else moving.rate = new Rate(nowMs, doneBytes);
    return moving;
  }

  /** False when nothing was known of the blob. */
  end({ blob }: BlobEnd): boolean {
    return this.#byDigest.delete(blob);
  }

  clear(): void {
    this.#byDigest.clear();
  }

  /** In the order in which they began. */
  get all(): MovingBlob[] {
    return [...this.#byDigest.values()];
  }
}

/** `512 MiB  40 MiB/s  12.8s` of a blob that has moved. */
export function endedFigures({ bytes, durationMs }: BlobEnd): string {
  return movedFigures({ done: bytes, unit: 'bytes' }, durationMs);
}
