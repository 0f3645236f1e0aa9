/**
 * One entry of the log: changes to the file that happen together or not at all (MS-VHDX section 2.3.1). An entry is
 * whole sectors of 4 KiB: first its header and descriptors, then a data sector for each page that is changed. It can
 * be checked and read sector by sector, since one entry may be as long as the log.
 */
import { crc32c } from '../../bytes/crc32c.ts';
import {
  FIRST_LOGGED_OFFSET,
  LOG_DATA_DESCRIPTOR_SIGNATURE,
  LOG_DATA_SECTOR_SIGNATURE,
  LOG_ENTRY_SIGNATURE,
  LOG_DESCRIPTOR_BYTES,
  LOG_SECTOR_BYTES,
  LOG_ZERO_DESCRIPTOR_SIGNATURE,
  logDataDescriptor,
  logDataSector,
  logEntryHeader,
  logZeroDescriptor,
} from '../format.ts';
import { checksumOf, withChecksum } from '../header.ts';
import { Descriptor } from './descriptor.ts';

const LOW_32_BITS = 0xffff_ffffn;

/** One change that a log entry carries (MS-VHDX sections 2.3.1.2 and 2.3.1.3). Offsets and lengths are whole sectors. */
export type LogChange =
  | { readonly kind: 'page'; readonly fileOffset: number; readonly bytes: Uint8Array /* 4096 */ }
  | { readonly kind: 'zeros'; readonly fileOffset: number; readonly length: number };

/** What the header of an entry says besides what it needs to be found. */
export interface LogEntryInfo {
  /** Above 0, one more than that of the entry before. */
  readonly sequenceNumber: bigint;
  /** Where in the ring the oldest entry lies that was not applied when this one was written. */
  readonly tailOffset: number;
  readonly logGuid: string;
  /** So long the file was for certain, on stable storage. */
  readonly flushedFileBytes: number;
  /** So long the file must be for everything in it to fit. */
  readonly lastFileBytes: number;
}

export interface LogEntry extends LogEntryInfo {
  readonly changes: readonly LogChange[];
}

/** Which log an entry must belong to, and where it lies: no change may touch the log itself. */
export interface LogRules {
  readonly logGuid: string;
  readonly logOffset: number;
  readonly logLength: number;
}

/** An entry's header that makes sense by itself. */
export interface LogEntryHeader extends LogEntryInfo {
  readonly checksum: number;
  /** All of the entry. */
  readonly entryBytes: number;
  readonly descriptorCount: number;
}

/** Gives sector `index` of an entry, good until the next call. */
export type SectorReader = (index: number) => Uint8Array;

/** The bytes of an entry, whole sectors, the checksum filled in. */
export function encodeLogEntry(entry: LogEntry): Uint8Array {
  const { changes, sequenceNumber } = entry;
  const bytes = new Uint8Array(logEntryBytes(changes));
  logEntryHeader.encode(
    {
      ...entry,
      signature: LOG_ENTRY_SIGNATURE,
      checksum: 0,
      entryBytes: bytes.length,
      descriptorCount: changes.length,
      reserved: 0,
    },
    bytes,
  );
  let dataAt = descriptorSectors(changes.length) * LOG_SECTOR_BYTES;
  changes.forEach((change, i) => {
    encodeDescriptor(change, sequenceNumber, bytes.subarray(descriptorOffset(i)));
    if (change.kind === 'zeros') return;
    encodeDataSector(change.bytes, sequenceNumber, bytes.subarray(dataAt));
    dataAt += LOG_SECTOR_BYTES;
  });
  return withChecksum(bytes);
}

/** How many bytes {@link encodeLogEntry} makes of an entry with these changes. */
export function logEntryBytes(changes: readonly LogChange[]): number {
  const pages = changes.filter(({ kind }) => kind === 'page').length;
  return (descriptorSectors(changes.length) + pages) * LOG_SECTOR_BYTES;
}

/** The entry in `bytes`, which hold it from start to end without a break, or undefined when it is not valid. */
export function decodeLogEntry(bytes: Uint8Array, rules: LogRules): LogEntry | undefined {
  if (bytes.length < LOG_SECTOR_BYTES) return undefined;
  const header = decodeEntryHeader(bytes, rules);
  if (header?.entryBytes !== bytes.length) return undefined;
  const sectors: SectorReader = (index) =>
    bytes.subarray(index * LOG_SECTOR_BYTES, (index + 1) * LOG_SECTOR_BYTES);
  if (!isWholeEntry(header, sectors, rules)) return undefined;
  const { sequenceNumber, tailOffset, logGuid, flushedFileBytes, lastFileBytes } = header;
  const changes = [...changesOf(header, sectors, sectors)];
  return { sequenceNumber, tailOffset, logGuid, flushedFileBytes, lastFileBytes, changes };
}

/** The header at the start of an entry's first sector, or undefined when no valid entry begins like this. */
export function decodeEntryHeader(sector: Uint8Array, rules: LogRules): LogEntryHeader | undefined {
  // Most sectors of a log are no header: the first letter tells.
  if (sector[0] !== LOG_ENTRY_SIGNATURE.charCodeAt(0)) return undefined;
  const header = logEntryHeader.decode(sector);
  const { signature, logGuid, tailOffset, sequenceNumber, entryBytes, descriptorCount } = header;
  if (signature !== LOG_ENTRY_SIGNATURE || logGuid !== rules.logGuid || sequenceNumber === 0n)
    return undefined;
  if (tailOffset >= rules.logLength) return undefined;
  if (entryBytes % LOG_SECTOR_BYTES !== 0 || entryBytes >= rules.logLength) return undefined;
  return descriptorSectors(descriptorCount) * LOG_SECTOR_BYTES <= entryBytes ? header : undefined;
}

/**
 * True when everything that `header` announces is there: sound descriptors, the data sector of each, the checksum.
 * Reads the sectors in order and stops at the first that is wrong.
 */
export function isWholeEntry(header: LogEntryHeader, sectors: SectorReader, rules: LogRules): boolean {
  const { sequenceNumber, descriptorCount, entryBytes } = header;
  const descriptorSectorCount = descriptorSectors(descriptorCount);
  const sectorCount = entryBytes / LOG_SECTOR_BYTES;
  let checksum = 0;
  let pages = 0;
  for (let index = 0; index < descriptorSectorCount; index++) {
    const sector = sectors(index);
    checksum = index === 0 ? checksumOf(sector) : crc32c(sector, checksum);
    for (const descriptor of descriptorsIn(sector, index, descriptorCount)) {
      if (!isSound(descriptor, sequenceNumber, rules)) return false;
      if (descriptor.isPage) pages++;
    }
  }
  if (descriptorSectorCount + pages !== sectorCount) return false;
  for (let index = descriptorSectorCount; index < sectorCount; index++) {
    const sector = sectors(index);
    if (!isDataSector(sector, sequenceNumber)) return false;
    checksum = crc32c(sector, checksum);
  }
  return checksum === header.checksum;
}

/**
 * The changes of an entry that is whole, in order. Descriptors and data are read from two readers, so that each goes
 * forward only.
 */
export function* changesOf(
  { descriptorCount }: Pick<LogEntryHeader, 'descriptorCount'>,
  descriptors: SectorReader,
  data: SectorReader,
): Generator<LogChange, void> {
  const descriptorSectorCount = descriptorSectors(descriptorCount);
  let dataIndex = descriptorSectorCount;
  for (let index = 0; index < descriptorSectorCount; index++) {
    for (const descriptor of descriptorsIn(descriptors(index), index, descriptorCount)) {
      const { fileOffset } = descriptor;
      if (descriptor.isPage) yield { kind: 'page', fileOffset, bytes: descriptor.page(data(dataIndex++)) };
      else yield { kind: 'zeros', fileOffset, length: descriptor.length };
    }
  }
}

/** Where descriptor `index` lies in its entry: the header takes the room of the first two. */
function descriptorOffset(index: number): number {
  return logEntryHeader.sizeBytes + index * LOG_DESCRIPTOR_BYTES;
}

function descriptorSectors(descriptorCount: number): number {
  return Math.ceil(descriptorOffset(descriptorCount) / LOG_SECTOR_BYTES);
}

/** The descriptors in sector `index` of an entry. What is handed out moves on to the next. */
function* descriptorsIn(sector: Uint8Array, index: number, descriptorCount: number): Generator<Descriptor> {
  const end = Math.min(LOG_SECTOR_BYTES, descriptorOffset(descriptorCount) - index * LOG_SECTOR_BYTES);
  const descriptor = new Descriptor(sector);
  for (let at = index === 0 ? logEntryHeader.sizeBytes : 0; at < end; at += LOG_DESCRIPTOR_BYTES) {
    descriptor.at = at;
    yield descriptor;
  }
}

function isSound(descriptor: Descriptor, sequenceNumber: bigint, rules: LogRules): boolean {
  if (!descriptor.isPage && !descriptor.isZeros) return false;
  return descriptor.sequenceNumber === sequenceNumber && mayChange(descriptor, rules);
}

function encodeDescriptor(change: LogChange, sequenceNumber: bigint, into: Uint8Array): void {
  const { fileOffset } = change;
  if (change.kind === 'zeros') {
    const { length } = change;
    const signature = LOG_ZERO_DESCRIPTOR_SIGNATURE;
    logZeroDescriptor.encode({ signature, reserved: 0, length, fileOffset, sequenceNumber }, into);
  } else {
    const leading = change.bytes.subarray(0, 8);
    const trailing = change.bytes.subarray(LOG_SECTOR_BYTES - 4);
    const signature = LOG_DATA_DESCRIPTOR_SIGNATURE;
    logDataDescriptor.encode({ signature, trailing, leading, fileOffset, sequenceNumber }, into);
  }
}

function encodeDataSector(page: Uint8Array, sequenceNumber: bigint, into: Uint8Array): void {
  const middle = page.subarray(8, LOG_SECTOR_BYTES - 4);
  const sequenceHigh = Number(sequenceNumber >> 32n);
  const sequenceLow = Number(sequenceNumber & LOW_32_BITS);
  logDataSector.encode({ signature: LOG_DATA_SECTOR_SIGNATURE, sequenceHigh, middle, sequenceLow }, into);
}

/** Headers are never logged, and the log does not change itself. */
function mayChange({ fileOffset, length }: { fileOffset: number; length: number }, rules: LogRules): boolean {
  if (fileOffset % LOG_SECTOR_BYTES !== 0 || length % LOG_SECTOR_BYTES !== 0) return false;
  if (fileOffset < FIRST_LOGGED_OFFSET) return false;
  return fileOffset + length <= rules.logOffset || fileOffset >= rules.logOffset + rules.logLength;
}

function isDataSector(bytes: Uint8Array, sequenceNumber: bigint): boolean {
  const { signature, sequenceHigh, sequenceLow } = logDataSector.decode(bytes);
  if (signature !== LOG_DATA_SECTOR_SIGNATURE) return false;
  return ((BigInt(sequenceHigh) << 32n) | BigInt(sequenceLow)) === sequenceNumber;
}
