/** What of some bytes must be written to a file that reads as zeros so far: the rest stays a hole. */
import { isZero } from '../disk/zeros.ts';

/** What file systems allocate at least. */
const PAGE_BYTES = 4096;
/** Shorter holes cost more calls than they save space. */
const MIN_HOLE_BYTES = 16 * 1024;

/** The runs of bytes that hold data, in order, with short stretches of zeros in between. */
export function* dataRuns(bytes: Uint8Array): Generator<{ start: number; end: number }> {
  let start = 0;
  let end = 0;
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    const pageEnd = Math.min(bytes.length, at + PAGE_BYTES);
    if (isZero(bytes, at, pageEnd)) continue;
    if (at - end >= MIN_HOLE_BYTES || end === 0) {
      if (end > start) yield { start, end };
      start = at;
    }
    end = pageEnd;
  }
  if (end > start) yield { start, end };
}
