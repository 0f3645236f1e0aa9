/** The identity of a disk, and that nothing else changes with it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomGuid } from '../../src/bytes/guid.ts';
import type { WritableDisk } from '../../src/disk/disk.ts';
import { memoryDisk } from '../../src/disk/file-disk.ts';
import { readDiskId, writeDiskId } from '../../src/gpt/disk-id.ts';
import { PARTITION_TYPE } from '../../src/gpt/format.ts';
import { readPartitions } from '../../src/gpt/read.ts';
import { writeGpt } from '../../src/gpt/write.ts';

const MIB = 1024 ** 2;

function gptDisk(sectorBytes = 512): WritableDisk {
  const disk = memoryDisk(4 * MIB, sectorBytes);
  const partition = (offset: number, name: string) => {
    return { offset, length: MIB, type: PARTITION_TYPE.microsoftBasicData, id: randomGuid(), name };
  };
  const partitions = [partition(MIB, 'system'), partition(2 * MIB, 'data')];
  writeGpt(disk, { diskId: randomGuid(), partitions });
  return disk;
}

/** One primary partition of Windows from sector 2048 on. */
function mbrDisk(): WritableDisk {
  const disk = memoryDisk(4 * MIB);
  const sector = Buffer.alloc(512);
  sector.writeUInt32LE(0x1234_5678, 440);
  sector.set([0x80, 0, 0, 0, 0x07, 0, 0, 0], 446);
  sector.writeUInt32LE(2048, 454);
  sector.writeUInt32LE(4096, 458);
  sector.writeUInt16LE(0xaa55, 510);
  disk.write(sector, 0);
  return disk;
}

function contentOf(disk: WritableDisk): Buffer {
  const content = Buffer.alloc(disk.sizeBytes);
  disk.read(content, 0);
  return content;
}

test('of a GPT is changed in both tables, with the names of its partitions, and back without a trace', () => {
  const guids = fc.tuple(fc.uuid(), fc.uuid(), fc.uuid());
  fc.assert(
    fc.property(guids, fc.constantFrom(512, 4096), ([guid, ...partitionGuids], sectorBytes) => {
      const disk = gptDisk(sectorBytes);
      const [before, partitions, id] = [contentOf(disk), readPartitions(disk), readDiskId(disk)!];
      expect(id).toMatchObject({ partitionGuids: partitions.map((partition) => partition.id) });
      const renamed = partitions.map((partition, index) => ({ ...partition, id: partitionGuids[index] }));
      writeDiskId(disk, { table: 'gpt', guid, partitionGuids });
      expect(readDiskId(disk)).toEqual({ table: 'gpt', guid, partitionGuids });
      expect(readPartitions(disk)).toEqual(renamed);
      const header = contentOf(disk).subarray(sectorBytes, 2 * sectorBytes);
      // The backup alone is as good.
      disk.write(Buffer.alloc(sectorBytes), sectorBytes);
      expect(readPartitions(disk)).toEqual(renamed);
      disk.write(header, sectorBytes);
      writeDiskId(disk, id);
      expect(contentOf(disk).equals(before)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('of an MBR is its signature, and only that', () => {
  const disk = mbrDisk();
  const before = contentOf(disk);
  expect(readDiskId(disk)).toEqual({ table: 'mbr', signature: 0x1234_5678 });
  writeDiskId(disk, { table: 'mbr', signature: 0xdead_beef });
  expect(readDiskId(disk)).toEqual({ table: 'mbr', signature: 0xdead_beef });
  before.writeUInt32LE(0xdead_beef, 440);
  expect(contentOf(disk).equals(before)).toBe(true);
});

test('is not there without a table, nor where the table is damaged', () => {
  expect(readDiskId(memoryDisk(MIB))).toBeUndefined();
  expect(readDiskId(memoryDisk(0))).toBeUndefined();
  const disk = gptDisk();
  disk.write(Buffer.alloc(512), 512);
  const before = contentOf(disk);
  expect(readDiskId(disk)).toBeUndefined();
  writeDiskId(disk, { table: 'gpt', guid: randomGuid(), partitionGuids: [] });
  expect(contentOf(disk).equals(before)).toBe(true);
});
