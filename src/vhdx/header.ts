/** The two headers: which one counts, and how to make them (MS-VHDX section 2.2.2). */
import { HyperfileError } from '../base/error.ts';
import { crc32c } from '../bytes/crc32c.ts';
import { ZERO_GUID } from '../bytes/guid.ts';
import { readBytes, type BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import {
  CHECKSUM_OFFSET,
  HEADER_OFFSETS,
  HEADER_SIGNATURE,
  headerRecord,
  MIB,
  type HeaderRecord,
} from './format.ts';
import { problemAt } from './problems.ts';

/**
 * Reads both headers and returns the current one: the only whole one, or the one with the higher sequence number.
 *
 * @throws HyperfileError VHDX_UNFINISHED, VHDX_HEADER_CORRUPT, VHDX_VERSION, VHDX_LOG_NOT_EMPTY.
 */
export function readCurrentHeader(file: BlockFile): HeaderRecord {
  const [first, second] = HEADER_OFFSETS.map((offset) => readBytes(file, offset, headerRecord.sizeBytes)) as [
    Uint8Array,
    Uint8Array,
  ];
  const header = chooseHeader(file.path, first, second);
  checkHeader(file.path, header);
  return header;
}

function chooseHeader(path: string, first: Uint8Array, second: Uint8Array): HeaderRecord {
  const [one, two] = [decodeWhole(first), decodeWhole(second)];
  if (one && two) {
    if (one.sequenceNumber !== two.sequenceNumber) return one.sequenceNumber > two.sequenceNumber ? one : two;
    // Some programs write the same header twice; different ones with one number leave it open which is current.
    if (Buffer.compare(first, second) === 0) return one;
    throw problemAt('VHDX_HEADER_CORRUPT', path, HEADER_OFFSETS[0], 'both claim to be the newer one');
  }
  const whole = one ?? two;
  if (whole) return whole;
  if (isZero(first, 0, first.length) && isZero(second, 0, second.length)) {
    throw new HyperfileError('VHDX_UNFINISHED', { data: { path } });
  }
  throw problemAt('VHDX_HEADER_CORRUPT', path, HEADER_OFFSETS[0], 'neither has a valid checksum');
}

function decodeWhole(bytes: Uint8Array): HeaderRecord | undefined {
  const header = headerRecord.decode(bytes);
  if (header.signature !== HEADER_SIGNATURE) return undefined;
  return header.checksum === checksumOf(bytes) ? header : undefined;
}

function checkHeader(path: string, header: HeaderRecord): void {
  if (header.version !== 1) {
    throw new HyperfileError('VHDX_VERSION', { data: { path, version: header.version } });
  }
  if (header.logGuid !== ZERO_GUID) throw new HyperfileError('VHDX_LOG_NOT_EMPTY', { data: { path } });
  if (header.logLength === 0) return;
  if (header.logOffset % MIB !== 0 || header.logOffset < MIB || header.logLength % MIB !== 0) {
    throw problemAt(
      'VHDX_HEADER_CORRUPT',
      path,
      HEADER_OFFSETS[0],
      'the log does not lie on whole megabytes',
    );
  }
}

/** The bytes of a header, its checksum filled in. */
export function encodeHeader(header: Omit<HeaderRecord, 'signature' | 'checksum'>): Uint8Array {
  return withChecksum(headerRecord.encode({ ...header, signature: HEADER_SIGNATURE, checksum: 0 }));
}

/** Fills in the checksum of a header or region table, in place. */
export function withChecksum(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(CHECKSUM_OFFSET, checksumOf(bytes), true);
  return bytes;
}

/** CRC-32C of a record whose own checksum counts as zero. */
export function checksumOf(bytes: Uint8Array): number {
  const upTo = crc32c(bytes.subarray(0, CHECKSUM_OFFSET));
  const past = crc32c(new Uint8Array(4), upTo);
  return crc32c(bytes.subarray(CHECKSUM_OFFSET + 4), past);
}
