/** The one check that every disk makes before it touches anything. */
import { HyperfileError } from '../base/error.ts';

/** @throws HyperfileError DISK_OUT_OF_RANGE unless the range lies on a disk of `sizeBytes`. */
export function checkRange(sizeBytes: number, offset: number, length: number): void {
  // Written so that NaN fails too.
  if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return;
  throw new HyperfileError('DISK_OUT_OF_RANGE', { data: { offset, end: offset + length, size: sizeBytes } });
}
