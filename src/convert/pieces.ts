/** Cuts what a disk holds into pieces that are read at once, and reads them ahead of whoever needs them. */
import type { CopySource, DataRange } from './source.ts';

/** What is written at once: the system keeps files in pages of up to 2 MiB, which cost it far less than small ones. */
export const PIECE_BYTES = 2 * 1024 * 1024;
/** A piece that lies in more places is gathered at once: that is quicker than so many reads in the background. */
const MOST_BACKGROUND_READS = 4;

/** A stretch of the disk between two multiples of {@link PIECE_BYTES}, from its first data to its last. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  /** In order. */
  readonly parts: readonly DataRange[];
}

/** The pieces of a disk, in order. Where there is none, the disk is zero. */
export function* piecesOf(data: Iterable<DataRange>): Generator<Piece> {
  let parts: DataRange[] = [];
  let slot = -1;
  for (const range of data) {
    for (let done = 0; done < range.length;) {
      const offset = range.offset + done;
      const ownSlot = Math.floor(offset / PIECE_BYTES);
      const length = Math.min((ownSlot + 1) * PIECE_BYTES - offset, range.length - done);
      if (ownSlot !== slot && parts.length > 0) {
        yield asPiece(parts);
        parts = [];
      }
      slot = ownSlot;
      parts.push({ offset, length, file: range.file, fileOffset: range.fileOffset + done });
      done += length;
    }
  }
  if (parts.length > 0) yield asPiece(parts);
}

function asPiece(parts: readonly DataRange[]): Piece {
  const last = parts[parts.length - 1];
  const { offset } = parts[0];
  return { offset, length: last.offset + last.length - offset, parts };
}

/** Fills the beginning of `buffer` with a piece. */
export async function readPiece(source: CopySource, piece: Piece, buffer: Uint8Array): Promise<void> {
  const { offset, length, parts } = piece;
  if (parts.length > MOST_BACKGROUND_READS || parts.some(({ file }) => !file.readLater)) {
    return source.read(buffer.subarray(0, length), offset);
  }
  const reads: Promise<void>[] = [];
  let end = 0;
  for (const part of parts) {
    const at = part.offset - offset;
    buffer.fill(0, end, at);
    end = at + part.length;
    reads.push(part.file.readLater!(buffer, at, part.length, part.fileOffset));
  }
  // All of them: nothing may be read into the buffer any more when this is over.
  const failed = (await Promise.allSettled(reads)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}
