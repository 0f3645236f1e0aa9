/** What the views keep about the blobs that are on their way. */
import type { Digest } from '../../oci/digest.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import { formatSize } from '../size.ts';
import { cleanText } from './output-lines.ts';
import { Rate } from './rate.ts';
import { formatSeconds } from './summary.ts';
import { justify } from './text-width.ts';

export type BlobStart = Extract<TransferEvent, { type: 'blob-start' }>;
export type BlobProgress = Extract<TransferEvent, { type: 'blob-progress' }>;
export type BlobEnd = Extract<TransferEvent, { type: 'blob-end' }>;

export interface MovingBlob {
  /** Without control characters. */
  readonly label: string;
  /** From the first progress on: what was there before (a download that goes on) says nothing about speed. */
  rate: Rate | undefined;
  doneBytes: number;
  totalBytes: number;
  /** When a log last heard of it. */
  toldMs: number;
}

export class MovingBlobs {
  readonly #byDigest = new Map<Digest, MovingBlob>();

  start({ blob, label, totalBytes }: BlobStart, nowMs: number): MovingBlob {
    const moving = {
      label: cleanText(label),
      rate: undefined,
      doneBytes: 0,
      totalBytes,
      toldMs: nowMs,
    };
    this.#byDigest.set(blob, moving);
    return moving;
  }

  progress({ blob, doneBytes, totalBytes }: BlobProgress, nowMs: number): MovingBlob | undefined {
    const moving = this.#byDigest.get(blob);
    if (!moving) return undefined;
    moving.doneBytes = doneBytes;
    moving.totalBytes = totalBytes;
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

const WIDEST_BAR = 20;
const NARROWEST_BAR = 5;
/** `→ layer 0123456789ab part 12` and the gap behind it. */
const LABEL_COLUMNS = 30;

/** `→ layer 3f2a…   ━━━━━─────  120 MiB / 512 MiB  40 MiB/s  10s`, cut to fit; the figures of all lines stand in columns. */
export function movingLine(blob: MovingBlob, nowMs: number, columns: number): [left: string, right: string] {
  const { sizes, speed = '', left = '' } = figuresOf(blob, nowMs);
  const figures = `${sizes.padStart(18)}  ${speed.padStart(10)}  ${left.padStart(7)}`;
  const barColumns = Math.min(WIDEST_BAR, columns - LABEL_COLUMNS - figures.length - 2);
  const bar = barColumns >= NARROWEST_BAR ? `${progressBar(blob, barColumns)}  ` : '';
  return justify(`→ ${blob.label}`, bar + figures, columns);
}

/** `120 MiB / 512 MiB  40 MiB/s  10s left` */
export function movingFigures(blob: MovingBlob, nowMs: number): string {
  const { sizes, speed, left } = figuresOf(blob, nowMs);
  return [sizes, speed, left && `${left} left`].filter(Boolean).join('  ');
}

interface Figures {
  readonly sizes: string;
  /** Absent while it is not known. */
  readonly speed?: string;
  readonly left?: string;
}

function figuresOf({ doneBytes, totalBytes, rate }: MovingBlob, nowMs: number): Figures {
  const sizes = `${formatSize(doneBytes)} / ${formatSize(totalBytes)}`;
  const speed = rate?.bytesPerSecond(nowMs);
  if (speed === undefined) return { sizes };
  const isMoving = speed >= 1 && doneBytes < totalBytes;
  const left = isMoving ? formatLeft(((totalBytes - doneBytes) / speed) * 1000) : '';
  return { sizes, speed: `${formatSize(Math.round(speed))}/s`, left };
}

/** `512 MiB  40 MiB/s  12.8s` of a blob that has moved. */
export function endedFigures({ bytes, durationMs }: BlobEnd): string {
  if (bytes === 0) return formatSeconds(durationMs);
  const speed = durationMs >= 1 ? [`${formatSize(Math.round((bytes * 1000) / durationMs))}/s`] : [];
  return [formatSize(bytes), ...speed, formatSeconds(durationMs)].join('  ');
}

function progressBar({ doneBytes, totalBytes }: MovingBlob, columns: number): string {
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 1;
  const filled = Math.round(share * columns);
  return '━'.repeat(filled) + '─'.repeat(columns - filled);
}

/** Whole seconds, minutes, hours: more would only flicker. */
function formatLeft(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s`;
  const hours = Math.floor(seconds / 3600);
  return hours < 100 ? `${hours}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')}m` : 'days';
}
