/**
 * Logs of every kind in a disk of 8 MiB whose first four blocks of a megabyte hold data, and what the disk shows when they
 * were replayed. Each says where qemu-img is no judge, and why.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { ErrorCode } from '../../../src/base/codes/index.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';
import { openLayer } from '../../../src/vhdx/layer.ts';
import type { LogChange } from '../../../src/vhdx/log/entry.ts';
import { contents, MIB, pattern, scratchFolder } from '../scratch.ts';
import { entryOf, FOREIGN_GUID, leaveUnclosed, page, putEntry, SECTOR, zeros } from './logs.ts';

/** The file that the log belongs to. */
export interface Victim {
  readonly fileBytes: number;
  /** Where the payload of a block lies. */
  readonly place: (block: number) => number;
  /** The first page of the block table with changed entries. */
  readonly table: (change: (entries: BigUint64Array) => void) => LogChange;
}

export interface LogCase {
  readonly what: string;
  readonly lay: (ring: Uint8Array, victim: Victim) => void;
  /** Changes what the disk showed before to what it shows afterwards. */
  readonly shows?: (disk: Buffer) => void;
  readonly refused?: ErrorCode;
  /** How long the replay makes the file; as it was by default. */
  readonly fileBytes?: (before: number) => number;
  /** How `qemu-img check -r all` differs, and why it is wrong. */
  readonly qemuDiffers?: string;
}

const RING = MIB;
const FULLY_PRESENT = 6n;
const swap = (entries: BigUint64Array) => ([entries[0], entries[1]] = [entries[1], entries[0]]);
const swapped = (disk: Buffer) => {
  const first = Buffer.from(disk.subarray(0, MIB));
  disk.copyWithin(0, MIB, 2 * MIB);
  first.copy(disk, MIB);
};
const hide = (entries: BigUint64Array) => (entries[2] = 0n);
const hidden = (disk: Buffer) => disk.fill(0, 2 * MIB, 3 * MIB);

export const CASES: readonly LogCase[] = [
  {
    what: 'two entries',
    lay(ring, { table, place }) {
      const at = putEntry(ring, 0, entryOf([table(swap)]));
      putEntry(ring, at, entryOf([page(place(3) + SECTOR, 40), table(both)], { sequenceNumber: 2n }));
    },
    shows(disk) {
      swapped(disk);
      hidden(disk);
      pattern(SECTOR, 40).copy(disk, 3 * MIB + SECTOR);
    },
  },
  {
    what: 'a sequence that goes around the end of the ring',
    lay(ring, { table, place }) {
      const tailOffset = RING - 2 * SECTOR;
      const at = putEntry(ring, tailOffset, entryOf([table(swap)], { tailOffset }));
      putEntry(ring, at, entryOf([page(place(3), 41)], { tailOffset, sequenceNumber: 2n }));
    },
    shows(disk) {
      swapped(disk);
      pattern(SECTOR, 41).copy(disk, 3 * MIB);
    },
    qemuDiffers:
      'it meets the second entry first, does not see that its tail is not there, and never applies the first one',
  },
  {
    what: 'a sequence whose second entry is split over the end of the ring',
    lay(ring, { table, place }) {
      const tailOffset = RING - 3 * SECTOR;
      const at = putEntry(ring, tailOffset, entryOf([table(swap)], { tailOffset }));
      putEntry(ring, at, entryOf([page(place(3), 46)], { tailOffset, sequenceNumber: 2n }));
    },
    shows(disk) {
      swapped(disk);
      pattern(SECTOR, 46).copy(disk, 3 * MIB);
    },
  },
  {
    what: 'one entry split over the end of the ring',
    lay(ring, { table, place }) {
      const tailOffset = RING - SECTOR;
      putEntry(ring, tailOffset, entryOf([table(swap), page(place(2), 42)], { tailOffset }));
    },
    shows(disk) {
      swapped(disk);
      pattern(SECTOR, 42).copy(disk, 2 * MIB);
    },
  },
  {
    what: 'a newer entry of another log',
    lay(ring, { table }) {
      const at = putEntry(ring, 0, entryOf([table(swap)]));
      putEntry(ring, at, entryOf([table(hide)], { sequenceNumber: 2n, logGuid: FOREIGN_GUID }));
    },
    shows: swapped,
  },
  {
    what: 'a torn entry after a whole one',
    lay(ring, { table }) {
      const at = putEntry(ring, 0, entryOf([table(swap)]));
      const end = putEntry(ring, at, entryOf([table(hide)], { sequenceNumber: 2n }));
      ring[end - 1] ^= 1;
    },
    shows: swapped,
  },
  {
    what: 'a newest entry that is its own tail',
    lay(ring, { table }) {
      const at = putEntry(ring, 0, entryOf([table(hide)]));
      putEntry(ring, at, entryOf([table(swap)], { sequenceNumber: 2n, tailOffset: at }));
    },
    shows: swapped,
  },
  {
    what: 'an entry before the tail',
    lay(ring, { table, place }) {
      const at = putEntry(ring, 0, entryOf([page(place(3), 43)]));
      putEntry(ring, at, entryOf([table(swap)], { sequenceNumber: 2n, tailOffset: at }));
    },
    shows: swapped,
    qemuDiffers:
      'it applies every entry of the row, the old ones before the tail too; what was changed in place since then is lost',
  },
  {
    what: 'zeros over a block',
    lay: (ring, { place }) => putEntry(ring, 0, entryOf([zeros(place(1), MIB)])),
    shows: (disk) => disk.fill(0, MIB, 2 * MIB),
  },
  {
    what: 'a page on zeros of the same entry, and zeros on a page of an earlier one',
    lay(ring, { place }) {
      const at = putEntry(ring, 0, entryOf([page(place(1) + SECTOR, 44)]));
      const changes = [zeros(place(1), MIB / 2), page(place(1) + 2 * SECTOR, 45)];
      putEntry(ring, at, entryOf(changes, { sequenceNumber: 2n }));
    },
    shows(disk) {
      disk.fill(0, MIB, MIB + MIB / 2);
      pattern(SECTOR, 45).copy(disk, MIB + 2 * SECTOR);
    },
  },
  {
    what: 'an entry without changes',
    lay: (ring) => putEntry(ring, 0, entryOf()),
  },
  {
    what: 'a file that was longer',
    lay: (ring, { table, fileBytes }) =>
      putEntry(ring, 0, entryOf([table(swap)], { flushedFileBytes: fileBytes + MIB })),
    refused: 'VHDX_LOG_CUT_SHORT',
  },
  {
    what: 'a file that must grow',
    lay(ring, { table, fileBytes }) {
      const grown = table((entries) => (entries[5] = BigInt(fileBytes) | FULLY_PRESENT));
      putEntry(ring, 0, entryOf([grown], { lastFileBytes: fileBytes + MIB }));
    },
    fileBytes: (before) => before + MIB,
    qemuDiffers:
      'it extends no file to a LastFileOffset of whole megabytes, which is what they all are: then a block lies past the end',
  },
  {
    what: 'two sequences, the newer one first',
    lay(ring, { table }) {
      putEntry(ring, 0, entryOf([table(swap)], { sequenceNumber: 100n }));
      const tailOffset = 16 * SECTOR;
      putEntry(ring, tailOffset, entryOf([table(hide)], { sequenceNumber: 5n, tailOffset }));
    },
    shows: swapped,
  },
  {
    what: 'a tail outside of its sequence',
    lay: (ring, { table }) => putEntry(ring, 0, entryOf([table(swap)], { tailOffset: 8 * SECTOR })),
    refused: 'VHDX_LOG_NO_SEQUENCE',
    qemuDiffers: 'it does not look where the tail is, and applies changes of which others are missing',
  },
  {
    what: 'no entry at all',
    lay: () => {},
    refused: 'VHDX_LOG_UNUSED',
    qemuDiffers: 'it takes a log without entries for an empty one, though its entries may as well be lost',
  },
];

function both(entries: BigUint64Array): void {
  swap(entries);
  hide(entries);
}

/** The disk of the cases, with the log of one, in a folder of its own; and what it showed before. */
export function makeVictim(lay: LogCase['lay']): { file: string; before: Buffer } {
  const file = path.join(scratchFolder(), 'unclosed.vhdx');
  const disk = createDisk(file, { sizeBytes: 8 * MIB });
  for (let block = 0; block < 4; block++) disk.write(pattern(MIB, block + 1), block * MIB);
  disk.seal();
  const before = contents(disk);
  disk.close();
  const layer = openLayer(file);
  layer.file.close();
  const tableOffset = layer.regions.bat.fileOffset;
  const tablePage = fs.readFileSync(file).subarray(tableOffset, tableOffset + SECTOR);
  const victim: Victim = {
    fileBytes: layer.fileBytes,
    place: (block) => layer.table.fileMb(block) * MIB,
    table(change) {
      const bytes = new Uint8Array(tablePage);
      change(new BigUint64Array(bytes.buffer));
      return { kind: 'page', fileOffset: tableOffset, bytes };
    },
  };
  leaveUnclosed(file, (ring) => lay(ring, victim));
  return { file, before };
}

/** What the disk of a case shows in the end. */
export function afterReplay(before: Buffer, { shows }: LogCase): Buffer {
  const disk = Buffer.from(before);
  shows?.(disk);
  return disk;
}
