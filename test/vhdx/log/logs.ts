/** Builds logs for the tests of this folder: entries at chosen places of a ring, sound or not. */
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { openHostFile } from '../../../src/disk/host-file.ts';
import { HEADER_OFFSETS, type HeaderRecord } from '../../../src/vhdx/format.ts';
import { encodeHeader, readCurrentHeader } from '../../../src/vhdx/header.ts';
import { encodeLogEntry, type LogChange, type LogEntry, type LogRules } from '../../../src/vhdx/log/entry.ts';
import { MIB, pattern } from '../scratch.ts';

export const SECTOR = 4096;
export const LOG_GUID = '00112233-4455-6677-8899-aabbccddeeff';
export const FOREIGN_GUID = 'ffeeddcc-bbaa-9988-7766-554433221100';

/** A log of `sectors` at the first megabyte. */
export function rulesOf(sectors: number): LogRules {
  return { logGuid: LOG_GUID, logOffset: MIB, logLength: sectors * SECTOR };
}

export function page(fileOffset: number, seed = 1): LogChange {
  return { kind: 'page', fileOffset, bytes: new Uint8Array(pattern(SECTOR, seed)) };
}

export function zeros(fileOffset: number, length: number): LogChange {
  return { kind: 'zeros', fileOffset, length };
}

/** An entry for a file of 4 MiB that needs no more. */
export function entryOf(changes: readonly LogChange[] = [], rest: Partial<LogEntry> = {}): LogEntry {
  return {
    sequenceNumber: 1n,
    tailOffset: 0,
    logGuid: LOG_GUID,
    flushedFileBytes: 4 * MIB,
    lastFileBytes: 4 * MIB,
    changes,
    ...rest,
  };
}

/** Puts an entry into a ring; past its end it goes on at its start. Returns where the next one would lie. */
export function putEntry(ring: Uint8Array, at: number, entry: LogEntry): number {
  const bytes = encodeLogEntry(entry);
  const untilEnd = Math.min(bytes.length, ring.length - at);
  ring.set(bytes.subarray(0, untilEnd), at);
  ring.set(bytes.subarray(untilEnd), 0);
  return (at + bytes.length) % ring.length;
}

/** Gives both headers of a file other values, each with the number it had. */
export function changeHeaders(file: BlockFile, change: Partial<HeaderRecord>): void {
  const current = readCurrentHeader(file);
  HEADER_OFFSETS.forEach((offset, i) => {
    const bytes = encodeHeader({
      ...current,
      ...change,
      sequenceNumber: current.sequenceNumber + BigInt(i + 1),
    });
    file.writeAt(bytes, 0, bytes.length, offset);
  });
}

/** Leaves a file of the host as a program does that crashes: `fill` writes its log, which both headers say is in use. */
export function leaveUnclosed(path: string, fill: (ring: Uint8Array) => void): void {
  const file = openHostFile(path, { writable: true });
  try {
    const { logOffset, logLength } = readCurrentHeader(file);
    const ring = new Uint8Array(logLength);
    fill(ring);
    file.writeAt(ring, 0, ring.length, logOffset);
    changeHeaders(file, { logGuid: LOG_GUID });
  } finally {
    file.close();
  }
}
