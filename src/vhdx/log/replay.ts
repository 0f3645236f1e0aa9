/**
 * Replays the log of a file that was not closed cleanly (MS-VHDX section 2.3.3): in memory for readers, who leave the
 * file as it is, or in the file for those who go on writing to it. Either may be done again at any time, to the same end.
 */
import { isZero, ZEROS } from '../../disk/zeros.ts';
import { readBytes, type BlockFile } from '../../disk/block-file.ts';
import { LOG_SECTOR_BYTES, MAX_FILE_BYTES, MAX_LOG_BYTES } from '../format.ts';
import { problemAt } from '../problems.ts';
import type { LogRules } from './entry.ts';
import { OverlayFile } from './overlay-file.ts';
import { changesOfSequence, findActiveSequence } from './sequence.ts';
import { settle, type SettledChanges } from './settle.ts';

/** What a log held that was not in the file yet. */
export interface ReplayedLog {
  readonly entryCount: number;
  /** Pages of 4 KiB that it changes. */
  readonly pageCount: number;
  readonly zeroBytes: number;
  /** How much longer it makes the file. */
  readonly grownBytes: number;
  /** The number of its newest entry. */
  readonly sequenceNumber: bigint;
}

interface Replay {
  readonly changes: SettledChanges;
  readonly fileBytes: number;
  readonly summary: ReplayedLog;
}

/**
 * The file as it is with its log replayed, for reading. Takes as much memory as the log at most. Undefined when nothing
 * was ever written to the log.
 *
 * @throws HyperfileError of {@link applyLog}.
 */
export function overlayLog(
  file: BlockFile,
  log: LogRules,
): { file: BlockFile; replayed: ReplayedLog } | undefined {
  const replay = readLog(file, log);
  if (replay === undefined) return undefined;
  return { file: new OverlayFile(file, replay.changes, replay.fileBytes), replayed: replay.summary };
}

/**
 * Writes to the file what its log holds, and makes it durable. The caller draws a new FileWriteGuid before and clears
 * LogGuid after that, in both headers; DataWriteGuid stays, for the disk's contents do not change. A file on which this
 * was interrupted is as good as before: it has still its log.
 *
 * @throws HyperfileError VHDX_LOG_UNUSED, VHDX_LOG_NO_SEQUENCE, VHDX_LOG_CUT_SHORT, VHDX_LOG_TOO_LONG,
 *   VHDX_FILE_TOO_LARGE, and those of the file.
 */
export function applyLog(file: BlockFile, log: LogRules): ReplayedLog {
  const replay = readLog(file, log);
  if (replay === undefined) throw problemAt('VHDX_LOG_UNUSED', file.path, log.logOffset);
  const { changes, fileBytes, summary } = replay;
  const before = file.sizeBytes();
  if (fileBytes > before) file.truncate(fileBytes);
  const { starts, ends } = changes.zeros;
  for (let i = 0; i < starts.length; i++) clear(file, starts[i], Math.min(ends[i], before));
  for (const { bytes, fileOffset } of changes.pages) file.writeAt(bytes, 0, LOG_SECTOR_BYTES, fileOffset);
  file.flush();
  return summary;
}

function readLog(file: BlockFile, log: LogRules): Replay | undefined {
  const { logOffset, logLength } = log;
  if (logLength > MAX_LOG_BYTES) throw problemAt('VHDX_LOG_TOO_LONG', file.path, logOffset, { logLength });
  const sequence = findActiveSequence(file, log);
  if (sequence === undefined) {
    if (isUnwritten(file, log)) return undefined;
    throw problemAt('VHDX_LOG_NO_SEQUENCE', file.path, logOffset);
  }
  const before = file.sizeBytes();
  const { flushedFileBytes, lastFileBytes, sequenceNumber } = sequence.head;
  if (before < flushedFileBytes) {
    throw problemAt('VHDX_LOG_CUT_SHORT', file.path, before, { fileBytes: before, flushedFileBytes });
  }
  const changes = settle(changesOfSequence(file, log, sequence));
  const fileBytes = Math.max(before, lastFileBytes, changes.endBytes);
  if (fileBytes > MAX_FILE_BYTES) throw problemAt('VHDX_FILE_TOO_LARGE', file.path, logOffset, { fileBytes });
  const summary = {
    entryCount: sequence.entryCount,
    pageCount: changes.pages.length,
    zeroBytes: changes.zeros.ends.reduce((sum, end, i) => sum + end - changes.zeros.starts[i], 0),
    grownBytes: fileBytes - before,
    sequenceNumber,
  };
  return { changes, fileBytes, summary };
}

/**
 * True for a log of zeros. Some programs name the log in the header before they write to it, and what is not in the log is
 * not in the tables either: a crash in between has done no harm. The specification calls such a file corrupt all the same;
 * a check can say that it is easily put right.
 */
function isUnwritten(file: BlockFile, { logOffset, logLength }: LogRules): boolean {
  const piece = new Uint8Array(Math.min(logLength, ZEROS.length));
  for (let done = 0; done < logLength; done += piece.length) {
    const length = Math.min(piece.length, logLength - done);
    file.readAt(piece, 0, length, logOffset + done);
    if (!isZero(piece, 0, length)) return false;
  }
  return true;
}

/** Writes zeros where there are none yet: what is a hole of the file stays one. */
function clear(file: BlockFile, start: number, end: number): void {
  for (let at = start; at < end;) {
    const length = Math.min(ZEROS.length, end - at);
    if (!isZero(readBytes(file, at, length), 0, length)) file.writeAt(ZEROS, 0, length, at);
    at += length;
  }
}
