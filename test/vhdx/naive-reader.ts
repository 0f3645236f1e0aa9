/**
 * A second reader of the format, written from the specification alone and as plainly as it goes: one sector at a time, no
 * index, no cache, no checks, everything in 64-bit integers. It is slow, and it is here to disagree with the engine.
 */
import fs from 'node:fs';

/** Bytes of a file; zeros past its end. */
export type ReadAt = (offset: number, length: number) => Buffer;

export interface NaiveDisk {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  sector(index: number): Buffer;
}

const BAT = '2dc27766f62342009d64115e9bfd4a08';
const METADATA = '8b7ca20647904b9ab8fe575f050f886e';
const FILE_PARAMETERS = 'caa16737fa364d43b3b633f0aa44e76b';
const VIRTUAL_DISK_SIZE = '2fa54224cd1b4876b2115dbed83bf4b8';
const LOGICAL_SECTOR_SIZE = '8141bf1da96f4709ba47f233a8faab5f';

function guid(bytes: Buffer, at: number): string {
  const turned = [3, 2, 1, 0, 5, 4, 7, 6].map((i) => bytes.toString('hex', at + i, at + i + 1)).join('');
  return turned + bytes.toString('hex', at + 8, at + 16);
}

const CRC_OF_BYTE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** CRC-32C of a record whose checksum lies at byte 4 and counts as zero. */
export function naiveChecksum(record: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < record.length; i++) {
    const byte = i >= 4 && i < 8 ? 0 : record[i];
    crc = (crc >>> 8) ^ CRC_OF_BYTE[(crc ^ byte) & 0xff];
  }
  return ~crc >>> 0;
}

function isTable(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 4) === 'regi' && bytes.readUInt32LE(4) === naiveChecksum(bytes);
}

const PAGE_BYTES = 65536;

/** Reads a file of the host, a page at a time. The caller closes the descriptor when it is done. */
export function readerOf(fd: number): ReadAt {
  const pages = new Map<number, Buffer>();
  const pageAt = (index: number): Buffer => {
    let page = pages.get(index);
    if (page === undefined) {
      pages.set(index, (page = Buffer.alloc(PAGE_BYTES)));
      fs.readSync(fd, page, 0, PAGE_BYTES, index * PAGE_BYTES);
    }
    return page;
  };
  return (offset, length) => {
    const index = Math.floor(offset / PAGE_BYTES);
    const within = offset - index * PAGE_BYTES;
    // Nothing that is read in one piece lies on two pages: sectors, entries and items are aligned or small.
    if (within + length > PAGE_BYTES)
      return Buffer.concat([pageAt(index), pageAt(index + 1)]).subarray(within, within + length);
    return pageAt(index).subarray(within, within + length);
  };
}

/**
 * One layer on top of another disk; without one, what is not there reads as zeros. The log is not looked at: give a reader
 * that shows the file as it is after replay.
 */
export function naiveDisk(read: ReadAt, parent?: NaiveDisk): NaiveDisk {
  const table = isTable(read(0x30000, 65536)) ? 0x30000 : 0x40000;
  const regions = tableOf(read, table, 16, read(table + 8, 4).readUInt32LE(), (entry) => ({
    id: guid(entry, 0),
    offset: Number(entry.readBigUInt64LE(16)),
  }));
  const bat = regions.get(BAT)!.offset;
  const metadata = regions.get(METADATA)!.offset;
  const items = tableOf(read, metadata, 32, read(metadata + 10, 2).readUInt16LE(), (entry) => ({
    id: (entry.readUInt32LE(24) & 1) === 1 ? `user ${guid(entry, 0)}` : guid(entry, 0),
    offset: metadata + entry.readUInt32LE(16),
  }));
  const item = (id: string, length: number) => read(items.get(id)!.offset, length);
  const blockBytes = item(FILE_PARAMETERS, 8).readUInt32LE(0);
  const hasParent = (item(FILE_PARAMETERS, 8).readUInt32LE(4) & 2) === 2;
  const sizeBytes = Number(item(VIRTUAL_DISK_SIZE, 8).readBigUInt64LE());
  const sectorBytes = item(LOGICAL_SECTOR_SIZE, 4).readUInt32LE();
  const blocksPerChunk = (2 ** 23 * sectorBytes) / blockBytes;
  const entryAt = (index: number) => read(bat + index * 8, 8).readBigUInt64LE();
  const placeOf = (entry: bigint) => Number((entry >> 20n) << 20n);

  function fromParent(index: number): Buffer {
    const isThere = hasParent && parent !== undefined && (index + 1) * sectorBytes <= parent.sizeBytes;
    return isThere ? parent.sector(index) : Buffer.alloc(sectorBytes);
  }

  function sector(index: number): Buffer {
    const offset = index * sectorBytes;
    const block = Math.floor(offset / blockBytes);
    const chunk = Math.floor(block / blocksPerChunk);
    const entry = entryAt(block + chunk);
    const here = () => read(placeOf(entry) + (offset % blockBytes), sectorBytes);
    switch (Number(entry & 7n)) {
      case 0:
        return fromParent(index);
      case 6:
        return here();
      case 7: {
        const bitmap = placeOf(entryAt((chunk + 1) * blocksPerChunk + chunk));
        const bit = index - chunk * 2 ** 23;
        const isOwn = (read(bitmap + Math.floor(bit / 8), 1)[0] >> (bit % 8)) & 1;
        return isOwn === 1 ? here() : fromParent(index);
      }
      default:
        return Buffer.alloc(sectorBytes);
    }
  }

  return { sizeBytes, sectorBytes, sector };
}

interface Row {
  readonly id: string;
  readonly offset: number;
}

/** A table of 32-byte entries. */
function tableOf(
  read: ReadAt,
  at: number,
  headerBytes: number,
  count: number,
  decode: (entry: Buffer) => Row,
): Map<string, Row> {
  const rows = Array.from({ length: count }, (_, i) => decode(read(at + headerBytes + i * 32, 32)));
  return new Map(rows.map((row) => [row.id, row]));
}

/** The whole disk. */
export function naiveContents(disk: NaiveDisk): Buffer {
  return Buffer.concat(
    Array.from({ length: disk.sizeBytes / disk.sectorBytes }, (_, index) => disk.sector(index)),
  );
}

/** The disk of a chain of files, leaf first. */
export function naiveContentsOf(files: readonly string[]): Buffer {
  const fds = files.map((file) => fs.openSync(file, 'r'));
  try {
    let disk: NaiveDisk | undefined;
    for (const fd of [...fds].reverse()) disk = naiveDisk(readerOf(fd), disk);
    return naiveContents(disk!);
  } finally {
    fds.forEach((fd) => fs.closeSync(fd));
  }
}
