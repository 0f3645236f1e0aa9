/** The two headers: which one counts, and how to make them (MS-VHDX section 2.2.2). */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
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
import { STRICT, warningAt, type Findings } from './findings.ts';
import { problemAt } from './problems.ts';

/** The header that counts, and in which of the two places it lies. */
export interface CurrentHeader extends HeaderRecord {
  readonly slot: 0 | 1;
}

/**
 * Reads both headers and returns the current one: the only whole one, or the one with the higher sequence number.
 *
 * @throws HyperfileError VHDX_UNFINISHED, VHDX_HEADERS_DAMAGED, VHDX_HEADERS_AMBIGUOUS, VHDX_VERSION, VHDX_LOG_PLACE,
 *   VHDX_LOG_ABSENT, VHDX_LOG_PAST_END, VHDX_LOG_VERSION.
 */
export function readCurrentHeader(file: BlockFile, findings: Findings = STRICT): CurrentHeader {
  const [first, second] = HEADER_OFFSETS.map((offset) => readBytes(file, offset, headerRecord.sizeBytes)) as [
    Uint8Array,
    Uint8Array,
  ];
  const header = chooseHeader(file.path, first, second, findings);
  if (header.version !== 1) {
    throw problemAt('VHDX_VERSION', file.path, HEADER_OFFSETS[header.slot], { version: header.version });
  }
  checkLog(file, header);
  return header;
}

function chooseHeader(
  path: string,
  first: Uint8Array,
  second: Uint8Array,
  findings: Findings,
): CurrentHeader {
  const [one, two] = [decodeWhole(first), decodeWhole(second)];
  if (one && two) {
    if (one.sequenceNumber > two.sequenceNumber) return { ...one, slot: 0 };
    if (one.sequenceNumber < two.sequenceNumber) return { ...two, slot: 1 };
    // Some programs write the same header twice; different ones with one number leave it open which is current.
    if (Buffer.compare(first, second) !== 0)
      throw problemAt('VHDX_HEADERS_AMBIGUOUS', path, HEADER_OFFSETS[0]);
    findings.report(warningAt('VHDX_HEADERS_TWIN', path, HEADER_OFFSETS[0], {}, 'headers'));
    return { ...one, slot: 0 };
  }
  if (!one && !two) {
    const isEmpty = isZero(first, 0, first.length) && isZero(second, 0, second.length);
    throw problemAt(isEmpty ? 'VHDX_UNFINISHED' : 'VHDX_HEADERS_DAMAGED', path, HEADER_OFFSETS[0]);
  }
  const damaged = one ? 1 : 0;
  findings.report(
    warningAt('VHDX_HEADER_DAMAGED', path, HEADER_OFFSETS[damaged], { header: damaged + 1 }, 'headers'),
  );
  return one ? { ...one, slot: 0 } : { ...two!, slot: 1 };
}

function decodeWhole(bytes: Uint8Array): HeaderRecord | undefined {
  const header = headerRecord.decode(bytes);
  if (header.signature !== HEADER_SIGNATURE) return undefined;
  return header.checksum === checksumOf(bytes) ? header : undefined;
}

/** Whether the log is where a log may be, and can be understood as far as it matters. */
function checkLog(file: BlockFile, header: CurrentHeader): void {
  const { logGuid, logVersion, logOffset, logLength, slot } = header;
  const fail = (code: ErrorCode, data: ErrorData = {}) =>
    problemAt(code, file.path, HEADER_OFFSETS[slot], data);
  // An empty log is none of our business, whatever its version.
  if (logGuid !== ZERO_GUID) {
    if (logVersion !== 0) throw fail('VHDX_LOG_VERSION', { version: logVersion });
    if (logLength === 0) throw fail('VHDX_LOG_ABSENT');
  }
  if (logLength !== 0) {
    if (logOffset % MIB !== 0 || logOffset < MIB || logLength % MIB !== 0) {
      throw fail('VHDX_LOG_PLACE', { logOffset, logLength });
    }
    if (logOffset + logLength > file.sizeBytes()) throw fail('VHDX_LOG_PAST_END');
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
