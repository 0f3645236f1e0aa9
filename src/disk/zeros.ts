/** Telling zeros from data, and having zeros to write. */

/** 1 MiB of zeros. Never write to it. */
export const ZEROS: Buffer = Buffer.alloc(1024 * 1024);

/** True when a range holds only zeros. Costs next to nothing for data whose first, middle or last byte is not zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return true;
  if (bytes[start] !== 0 || bytes[end - 1] !== 0 || bytes[(start + end) >>> 1] !== 0) return false;
  for (let at = start; at < end; at += ZEROS.length) {
    const stop = Math.min(end, at + ZEROS.length);
    if (ZEROS.compare(bytes, at, stop, 0, stop - at) !== 0) return false;
  }
  return true;
}
