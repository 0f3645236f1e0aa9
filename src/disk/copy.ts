/** Copies a disk's contents onto another, skipping what is zero. */
import type { Progress } from '../base/events.ts';
import type { ReadableDisk, WritableDisk } from './disk.ts';
import { isZero } from './zeros.ts';

const PIECE_BYTES = 1024 * 1024;
/** How much is copied between two reports: some 50 ms of work. */
const REPORT_BYTES = 32 * PIECE_BYTES;
/** Zeros are left out at this grain: smaller holes would only scatter a file over its storage. */
const GRAIN_BYTES = 64 * 1024;

/**
 * Copies `source` onto `target`, which must read as zeros so far and be at least as large. Between pieces it hands out
 * its progress in bytes, so that the caller can show it, stop, or let other work run.
 *
 * @throws HyperfileError of the disks; DISK_OUT_OF_RANGE when `target` is smaller.
 */
export function* copyDisk(source: ReadableDisk, target: WritableDisk): Generator<Progress, void> {
  const total = source.sizeBytes;
  const piece = new Uint8Array(PIECE_BYTES);
  let reported = 0;
  for (const extent of source.extents(0, total)) {
    const end = extent.offset + extent.length;
    for (let at = extent.offset; at < end && extent.kind === 'data';) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, end - at));
      source.read(part, at);
      writeData(target, part, at);
      at += part.length;
      if (at - reported >= REPORT_BYTES) yield { done: (reported = at), total, unit: 'bytes' };
    }
  }
  yield { done: total, total, unit: 'bytes' };
}

/** Writes bytes to where the disk is still zero, but for the zeros among them. */
export function writeData(target: Pick<WritableDisk, 'write'>, bytes: Uint8Array, offset: number): void {
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    // Grains lie at multiples of their size on the disk, wherever the bytes begin.
    const end = Math.min(bytes.length, at + GRAIN_BYTES - ((offset + at) % GRAIN_BYTES));
    if (isZero(bytes, at, end)) {
      if (start < at) target.write(bytes.subarray(start, at), offset + start);
      start = end;
    }
    at = end;
  }
  if (start < bytes.length) target.write(bytes.subarray(start), offset + start);
}
