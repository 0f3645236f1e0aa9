/**
 * A second reading of the log, written from the pseudo code of MS-VHDX 2.3.3 and nothing else: it looks at every sector of
 * the ring as a possible tail, and lays the changes on the file one after the other at every read.
 */
import { naiveChecksum, type ReadAt } from './naive-reader.ts';

const SECTOR = 4096;
const FIRST_REGION_TABLE = 192 * 1024;

interface Entry {
  readonly at: number;
  readonly length: number;
  readonly tail: number;
  readonly sequence: bigint;
  readonly flushedBytes: number;
  readonly lastBytes: number;
  readonly changes: readonly Change[];
}

interface Change {
  readonly fileOffset: number;
  readonly length: number;
  /** Absent for zeros. */
  readonly page?: Buffer;
}

/** Where the log lies, and the bytes of its GUID. */
export interface NaiveLog {
  readonly offset: number;
  readonly length: number;
  readonly guid: Buffer;
}

export interface NaiveReplay {
  readonly read: ReadAt;
  readonly fileBytes: number;
  readonly entryCount: number;
}

/** The file as it is after replay; a word when it must be refused. */
export function naiveReplay(read: ReadAt, fileBytes: number, log: NaiveLog): NaiveReplay | 'none' | 'cut' {
  const ring = read(log.offset, log.length);
  let candidate: Entry[] = [];
  for (let tail = 0; tail < log.length; tail += SECTOR) {
    const current = sequenceAt(ring, tail, log);
    const head = current.at(-1);
    if (head === undefined || !current.some(({ at }) => at === head.tail)) continue;
    if (candidate.length === 0 || head.sequence > candidate.at(-1)!.sequence) candidate = current;
  }
  const head = candidate.at(-1);
  if (head === undefined) return 'none';
  if (fileBytes < head.flushedBytes) return 'cut';
  const entries = candidate.slice(candidate.findIndex(({ at }) => at === head.tail));
  const changes = entries.flatMap((entry) => entry.changes);
  const ends = changes.map(({ fileOffset, length }) => fileOffset + length);
  return {
    read: (offset, length) => laid(read(offset, length), offset, changes),
    fileBytes: Math.max(fileBytes, head.lastBytes, ...ends),
    entryCount: entries.length,
  };
}

/** The valid entries from `tail` on, each with the number after the one before. */
function sequenceAt(ring: Buffer, tail: number, log: NaiveLog): Entry[] {
  const entries: Entry[] = [];
  let taken = 0;
  for (;;) {
    const entry = entryAt(ring, (tail + taken) % ring.length, log);
    const last = entries.at(-1);
    if (entry === undefined || taken + entry.length > ring.length) return entries;
    if (last !== undefined && entry.sequence !== last.sequence + 1n) return entries;
    entries.push(entry);
    taken += entry.length;
  }
}

function entryAt(ring: Buffer, at: number, log: NaiveLog): Entry | undefined {
  if (ring.toString('latin1', at, at + 4) !== 'loge') return undefined;
  const length = ring.readUInt32LE(at + 8);
  if (length === 0 || length % SECTOR !== 0 || length >= ring.length) return undefined;
  const bytes = Buffer.concat([
    ring.subarray(at, at + length),
    ring.subarray(0, Math.max(0, at + length - ring.length)),
  ]);
  const tail = bytes.readUInt32LE(12);
  const sequence = bytes.readBigUInt64LE(16);
  const count = bytes.readUInt32LE(24);
  const descriptorBytes = Math.ceil((64 + count * 32) / SECTOR) * SECTOR;
  if (!bytes.subarray(32, 48).equals(log.guid) || tail >= ring.length || sequence === 0n) return undefined;
  if (descriptorBytes > length) return undefined;
  const changes: Change[] = [];
  let dataAt = descriptorBytes;
  for (let i = 0; i < count; i++) {
    const change = changeAt(bytes, 64 + i * 32, dataAt, sequence, log);
    if (change === undefined) return undefined;
    if (change.page) dataAt += SECTOR;
    changes.push(change);
  }
  if (dataAt !== length || naiveChecksum(bytes) !== bytes.readUInt32LE(4)) return undefined;
  const [flushedBytes, lastBytes] = [48, 56].map((field) => Number(bytes.readBigUInt64LE(field)));
  return { at, length, tail, sequence, flushedBytes, lastBytes, changes };
}

function changeAt(
  bytes: Buffer,
  at: number,
  dataAt: number,
  sequence: bigint,
  log: NaiveLog,
): Change | undefined {
  const kind = bytes.toString('latin1', at, at + 4);
  if ((kind !== 'desc' && kind !== 'zero') || bytes.readBigUInt64LE(at + 24) !== sequence) return undefined;
  const fileOffset = Number(bytes.readBigUInt64LE(at + 16));
  const length = kind === 'desc' ? SECTOR : Number(bytes.readBigUInt64LE(at + 8));
  if (fileOffset % SECTOR !== 0 || length % SECTOR !== 0 || fileOffset < FIRST_REGION_TABLE) return undefined;
  if (fileOffset + length > log.offset && fileOffset < log.offset + log.length) return undefined;
  if (kind === 'zero') return { fileOffset, length };
  const sector = bytes.subarray(dataAt, dataAt + SECTOR);
  if (sector.length < SECTOR || sector.toString('latin1', 0, 4) !== 'data') return undefined;
  const number = (BigInt(sector.readUInt32LE(4)) << 32n) | BigInt(sector.readUInt32LE(4092));
  if (number !== sequence) return undefined;
  const page = Buffer.concat([
    bytes.subarray(at + 8, at + 16),
    sector.subarray(8, 4092),
    bytes.subarray(at + 4, at + 8),
  ]);
  return { fileOffset, length, page };
}

function laid(before: Buffer, offset: number, changes: readonly Change[]): Buffer {
  const bytes = Buffer.from(before);
  for (const { fileOffset, length, page } of changes) {
    const start = Math.max(offset, fileOffset);
    const end = Math.min(offset + bytes.length, fileOffset + length);
    if (start >= end) continue;
    if (page) page.copy(bytes, start - offset, start - fileOffset, end - fileOffset);
    else bytes.fill(0, start - offset, end - offset);
  }
  return bytes;
}
