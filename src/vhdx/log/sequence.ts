/**
 * Finds the entries of the log that count, its active sequence (MS-VHDX section 2.3.3), in one pass over the ring.
 *
 * No sector is looked at more than a few times, whatever the log holds. An entry is read up to its first wrong sector,
 * and the sector of another entry's header is always wrong; so valid entries never overlap, and what one that is not
 * valid costs, ends where the next begins. Entries one after the other form a run with one newest entry: when that
 * entry's tail is not in the run, it is not in any part of it either, and the run is passed over as a whole.
 */
import { HyperfileError } from '../../base/error.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { LOG_SECTOR_BYTES } from '../format.ts';
import {
  changesOf,
  decodeEntryHeader,
  isWholeEntry,
  type LogChange,
  type LogEntryHeader,
  type LogRules,
} from './entry.ts';
import { LogRing } from './ring.ts';

export interface ActiveSequence {
  /** The newest entry. */
  readonly head: LogEntryHeader;
  /** How many entries there are to apply, from the one at the head's tail to the head itself. */
  readonly entryCount: number;
}

/** Valid entries that follow each other. */
interface Run {
  /** Where each entry begins in the ring. */
  readonly offsets: readonly number[];
  readonly head: LogEntryHeader;
  readonly bytes: number;
}

/** The active sequence, or undefined when there is none. @throws HyperfileError DISK_IO, DISK_CUT_SHORT. */
export function findActiveSequence(file: BlockFile, rules: LogRules): ActiveSequence | undefined {
  const ring = new LogRing(file, rules);
  let active: ActiveSequence | undefined;
  for (let start = 0; start < ring.length;) {
    const run = readRun(ring, start, rules);
    if (run && (active === undefined || run.head.sequenceNumber > active.head.sequenceNumber)) {
      active = sequenceOf(run) ?? active;
    }
    start += run?.bytes ?? LOG_SECTOR_BYTES;
  }
  return active;
}

/** The valid entries from `start` on whose numbers follow each other; they may go on at the start of the ring. */
function readRun(ring: LogRing, start: number, rules: LogRules): Run | undefined {
  const offsets: number[] = [];
  let head: LogEntryHeader | undefined;
  let bytes = 0;
  for (;;) {
    const entry = readEntryHeader(ring, start + bytes, rules);
    if (entry === undefined || bytes + entry.entryBytes > ring.length) break;
    if (head !== undefined && entry.sequenceNumber !== head.sequenceNumber + 1n) break;
    offsets.push((start + bytes) % ring.length);
    bytes += entry.entryBytes;
    head = entry;
  }
  return head && { offsets, head, bytes };
}

function readEntryHeader(ring: LogRing, offset: number, rules: LogRules): LogEntryHeader | undefined {
  const header = decodeEntryHeader(ring.sector(offset), rules);
  return header && isWholeEntry(header, ring.from(offset), rules) ? header : undefined;
}

function sequenceOf({ offsets, head }: Run): ActiveSequence | undefined {
  const tail = offsets.indexOf(head.tailOffset);
  return tail === -1 ? undefined : { head, entryCount: offsets.length - tail };
}

/** The changes of a sequence, oldest first. @throws HyperfileError DISK_IO, DISK_CUT_SHORT. */
export function* changesOfSequence(
  file: BlockFile,
  rules: LogRules,
  { head, entryCount }: ActiveSequence,
): Generator<LogChange, void> {
  // One for descriptors and one for data: so each goes forward through the ring.
  const [descriptors, data] = [new LogRing(file, rules), new LogRing(file, rules)];
  let offset = head.tailOffset;
  for (let i = 0; i < entryCount; i++) {
    const header = decodeEntryHeader(descriptors.sector(offset), rules);
    if (header === undefined) throw changedMeanwhile(file.path);
    yield* changesOf(header, descriptors.from(offset), data.from(offset));
    offset += header.entryBytes;
  }
}

function changedMeanwhile(path: string): HyperfileError {
  const problem = 'somebody changed its log meanwhile';
  return new HyperfileError('DISK_IO', { data: { path, action: 'read', problem } });
}
