/** Where a guest's system lies, told from the bytes of its disk alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { randomGuid } from '../../../src/bytes/guid.ts';
import type { WritableDisk } from '../../../src/disk/disk.ts';
import { findSystem, partitionTableOf } from '../../../src/drivers/hyperv/find-system.ts';
import { PARTITION_TYPE } from '../../../src/gpt/format.ts';
import { writeGpt } from '../../../src/gpt/write.ts';
import { guestOsOf } from '../../../src/oci/image.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';

const MIB = 1024 ** 2;
const { efiSystem, microsoftBasicData, microsoftReserved, linuxFileSystem, linuxRootX64 } = PARTITION_TYPE;
/** How Windows marks what helps when it does not start. */
const RECOVERY = 'de94bba4-06d1-4d40-a16a-bfd50179d6ac';

const MAGIC = {
  ntfs: [3, 'NTFS    '],
  refs: [3, 'ReFS\0\0\0\0'],
  ext4: [0x438, '\x53\xef'],
  xfs: [0, 'XFSB'],
  vfat: [82, 'FAT32   '],
} as const;

let folder: string;
let disks = 0;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'find-system-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function diskOf(write: (disk: WritableDisk) => void): string[] {
  const file = path.join(folder, `${++disks}.vhdx`);
  const disk = createDisk(file, { sizeBytes: 64 * MIB });
  write(disk);
  disk.seal();
  disk.close();
  return [file];
}

function format(disk: WritableDisk, offset: number, type: keyof typeof MAGIC): void {
  const [at, magic] = MAGIC[type];
  disk.write(Buffer.from(magic, 'latin1'), offset + at);
}

/** Partitions of so many MiB, one after the other. */
function gptDisk(
  ...partitions: [type: string, sizeMib: number, fileSystem?: keyof typeof MAGIC][]
): string[] {
  return diskOf((disk) => {
    let offset = MIB;
    const laid = partitions.map(([type, sizeMib, fileSystem]) => {
      const partition = { offset, length: sizeMib * MIB, type, id: randomGuid(), name: '' };
      if (fileSystem) format(disk, offset, fileSystem);
      offset += partition.length;
      return partition;
    });
    writeGpt(disk, { diskId: randomGuid(), partitions: laid });
  });
}

function mbrDisk(type: number, fileSystem: keyof typeof MAGIC): string[] {
  return diskOf((disk) => {
    const sector = Buffer.alloc(512);
    sector.set([0x80, 0, 0, 0, type, 0, 0, 0], 446);
    sector.writeUInt32LE(2048, 454);
    sector.writeUInt32LE(8192, 458);
    sector.writeUInt16LE(0xaa55, 510);
    disk.write(sector, 0);
    format(disk, MIB, fileSystem);
  });
}

test('Windows is on the volume of basic data, not among those that help it start or recover', () => {
  const chain = gptDisk(
    [efiSystem, 4, 'vfat'],
    [microsoftReserved, 2],
    [microsoftBasicData, 20, 'ntfs'],
    [RECOVERY, 30, 'ntfs'],
  );
  expect(findSystem(chain)).toEqual({
    root: { offset: 7 * MIB, length: 20 * MIB, type: 'ntfs' },
    isCertain: true,
  });
  expect(partitionTableOf(chain)).toBe('gpt');
  expect(guestOsOf(findSystem(chain).root.type)).toBe('windows');
});

test('Windows may be on ReFS, and on disks with an old partition table', () => {
  const { root } = findSystem(gptDisk([microsoftBasicData, 20, 'refs']));
  expect([root.type, guestOsOf(root.type)]).toEqual(['refs', 'windows']);
  const old = mbrDisk(0x07, 'ntfs');
  expect(findSystem(old)).toEqual({
    root: { offset: MIB, length: 4 * MIB, type: 'ntfs' },
    isCertain: true,
  });
  expect(partitionTableOf(old)).toBe('mbr');
});

test('of several volumes the largest is the likeliest, and nobody is sure', () => {
  const chain = gptDisk([microsoftBasicData, 10, 'ntfs'], [microsoftBasicData, 30, 'ntfs']);
  expect(findSystem(chain)).toMatchObject({ root: { length: 30 * MIB }, isCertain: false });
});

test('Linux is where the partition says so, else on its largest file system', () => {
  const marked = gptDisk(
    [linuxFileSystem, 30, 'ext4'],
    [linuxRootX64, 10, 'xfs'],
    [microsoftBasicData, 15, 'ntfs'],
  );
  expect(findSystem(marked)).toMatchObject({ root: { length: 10 * MIB, type: 'xfs' }, isCertain: true });
  const plain = findSystem(
    gptDisk([efiSystem, 4, 'vfat'], [linuxFileSystem, 8, 'ext4'], [linuxFileSystem, 30, 'ext4']),
  );
  expect(plain).toMatchObject({ root: { length: 30 * MIB, type: 'ext4' }, isCertain: false });
  expect(guestOsOf(plain.root.type)).toBe('linux');
  const whole = diskOf((disk) => format(disk, 0, 'ext4'));
  expect(findSystem(whole).root).toEqual({ offset: 0, length: 64 * MIB, type: 'ext4' });
  expect(partitionTableOf(whole)).toBe('mbr');
});

test('a disk without a system is refused by its name', () => {
  const chain = gptDisk([efiSystem, 4, 'vfat'], [microsoftBasicData, 20]);
  expect(() => findSystem(chain)).toThrow(`no root file system was found on ${chain[0]}`);
});
