import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import { isHyperfileError } from '../../src/base/error.ts';
import type { WritableDisk } from '../../src/disk/disk.ts';
import { memoryDisk, openRawDisk } from '../../src/disk/file-disk.ts';
import { PARTITION_TYPE } from '../../src/gpt/format.ts';
import { newDiskLayout } from '../../src/gpt/new-disk-layout.ts';
import { newDiskTable } from '../../src/gpt/new-disk.ts';
import { findRootCandidates, readPartitions } from '../../src/gpt/read.ts';
import { unformattedWindowsTable, windowsDiskLayout } from '../../src/gpt/windows-disk.ts';
import { writeGpt } from '../../src/gpt/write.ts';
import { describeWith } from '../support/needs.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function imageFile(sizeBytes: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-gpt-'));
  folders.push(folder);
  const file = openSync(`${folder}/disk.img`, 'w');
  ftruncateSync(file, sizeBytes);
  closeSync(file);
  return `${folder}/disk.img`;
}

function newDisk(sizeBytes: number): string {
  const image = imageFile(sizeBytes);
  const disk = openRawDisk(image, { writable: true });
  writeGpt(disk, newDiskTable(newDiskLayout(sizeBytes), 'amd64'));
  disk.close();
  return image;
}

function partitioned(script: string, sizeBytes = GIB): ReturnType<typeof readPartitions> {
  const image = imageFile(sizeBytes);
  execFileSync('sfdisk', ['-q', image], { input: script });
  return reading(image, readPartitions);
}

function reading<T>(image: string, read: (disk: WritableDisk) => T): T {
  const disk = openRawDisk(image);
  try {
    return read(disk);
  } finally {
    disk.close();
  }
}

interface SfdiskPartition {
  readonly start: number;
  readonly size: number;
  readonly type: string;
  readonly name?: string;
}

function sfdiskTable(image: string): SfdiskPartition[] {
  const json = execFileSync('sfdisk', ['-J', image], { encoding: 'utf8' });
  return (JSON.parse(json) as { partitiontable: { partitions: SfdiskPartition[] } }).partitiontable
    .partitions;
}

function codeOf(body: () => unknown): ErrorCode | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (isHyperfileError(error)) return error.code;
    throw error;
  }
}

describeWith(['sgdisk', 'sfdisk'], 'a new disk', () => {
  it.each([200 * MIB, 64 * GIB, 3 * 1024 * GIB])(
    'of %i bytes has a table that sgdisk and sfdisk find right',
    (sizeBytes) => {
      const image = newDisk(sizeBytes);
      expect(execFileSync('sgdisk', ['-v', image], { encoding: 'utf8' })).toContain('No problems found');
      execFileSync('sfdisk', ['--verify', image], { stdio: 'pipe' });
      const { root } = newDiskLayout(sizeBytes);
      expect(sfdiskTable(image).map(({ start, size, type, name }) => [start, size, type, name])).toEqual([
        [2048, (128 * MIB) / 512, PARTITION_TYPE.efiSystem.toUpperCase(), 'EFI'],
        [root.offset / 512, root.length / 512, PARTITION_TYPE.linuxRootX64.toUpperCase(), 'root'],
      ]);
    },
  );

  it('is read back as it was laid out', () => {
    const { root } = newDiskLayout(GIB);
    expect(reading(newDisk(GIB), findRootCandidates)).toMatchObject([
      { number: 2, offset: root.offset, length: root.length, name: 'root' },
    ]);
  });
});

describe('a disk that is too small', () => {
  it('is refused', () => {
    expect(codeOf(() => newDiskLayout(100 * MIB))).toBe('FS_DISK_TOO_SMALL');
    expect(codeOf(() => newDiskLayout(Number.NaN))).toBe('FS_DISK_TOO_SMALL');
    expect(codeOf(() => newDiskLayout(162 * MIB))).toBeUndefined();
  });
});

describeWith(['sfdisk'], 'a foreign disk', () => {
  it('with a GPT is read as sfdisk wrote it', () => {
    const found = partitioned(
      'label: gpt\nsize=10M, type=U, name="EFI"\nsize=100M, type=L, name="data é"\ntype=L',
    );
    expect(
      found.map(({ number, offset, length, name }) => [number, offset / MIB, length / MIB, name]),
    ).toEqual([
      [1, 1, 10, 'EFI'],
      [2, 11, 100, 'data é'],
      [3, 111, 912, ''],
    ]);
  });

  it('with an MBR is read with its logical partitions', () => {
    const image = imageFile(GIB);
    const logical = '5: size=50M, type=83\n6: size=60M, type=82\n7: size=70M, type=83';
    const script = `label: dos\n1: size=100M, type=7\n2: size=800M, type=5\n3: type=83\n${logical}`;
    execFileSync('sfdisk', ['-q', image], { input: script });
    const judge = sfdiskTable(image).filter(({ type }) => type !== '5');
    expect(reading(image, readPartitions).map(({ offset, length, type }) => [offset, length, type])).toEqual(
      judge.map(({ start, size, type }) => [start * 512, size * 512, `mbr:${type.padStart(2, '0')}`]),
    );
    expect(reading(image, readPartitions).map(({ number }) => number)).toEqual([1, 3, 5, 6, 7]);
  });

  it('offers its root by type, then Linux file systems, then the rest by size', () => {
    const image = imageFile(GIB);
    const script = `label: gpt\nsize=10M, type=U\nsize=20M, type=${PARTITION_TYPE.microsoftBasicData}\nsize=200M, type=${PARTITION_TYPE.microsoftBasicData}\nsize=30M, type=L\nsize=40M, type=${PARTITION_TYPE.linuxRootArm64}`;
    execFileSync('sfdisk', ['-q', image], { input: script });
    expect(reading(image, findRootCandidates).map(({ number }) => number)).toEqual([5, 4, 3, 2]);
  });
});

describe('a disk', () => {
  it.each([512, 4096])('of %i-byte sectors whose table is damaged is read by the backup', (sectorBytes) => {
    const sizeBytes = GIB;
    const disk = memoryDisk(sizeBytes, sectorBytes);
    writeGpt(disk, newDiskTable(newDiskLayout(sizeBytes), 'arm64'));
    const whole = readPartitions(disk);
    expect(whole.map(({ type }) => type)).toEqual([PARTITION_TYPE.efiSystem, PARTITION_TYPE.linuxRootArm64]);
    disk.write(Buffer.alloc(100, 0x55), sectorBytes + 20);
    expect(readPartitions(disk)).toEqual(whole);
    disk.write(Buffer.alloc(100, 0x55), sizeBytes - sectorBytes + 20);
    expect(codeOf(() => readPartitions(disk))).toBe('FS_TABLE_CORRUPT');
  });

  it('without a table is one partition', () => {
    expect(readPartitions(memoryDisk(MIB))).toEqual([
      { number: 0, offset: 0, length: MIB, type: 'whole-disk', name: '' },
    ]);
    expect(findRootCandidates(memoryDisk(MIB))).toHaveLength(1);
    expect(readPartitions(memoryDisk(0))).toEqual([]);
  });

  it('whose boot sector belongs to a file system is one partition', () => {
    const disk = memoryDisk(MIB);
    disk.write(Buffer.from('\xeb\x52\x90NTFS    ', 'latin1'), 0);
    disk.write(Buffer.alloc(64, 0x77), 446);
    disk.write(Buffer.from([0x55, 0xaa]), 510);
    expect(readPartitions(disk)).toMatchObject([{ type: 'whole-disk' }]);
  });

  it('whose logical partitions go in circles is read to an end', () => {
    const disk = memoryDisk(MIB);
    const table = (sector: number, entries: [type: number, first: number, count: number][]): void => {
      const bytes = Buffer.alloc(512);
      entries.forEach(([type, first, count], index) => {
        bytes[446 + 16 * index + 4] = type;
        bytes.writeUInt32LE(first, 446 + 16 * index + 8);
        bytes.writeUInt32LE(count, 446 + 16 * index + 12);
      });
      bytes.writeUInt16LE(0xaa55, 510);
      disk.write(bytes, sector * 512);
    };
    table(0, [[0x05, 100, 1000]]);
    table(100, [
      [0x83, 1, 10],
      [0x05, 50, 10],
    ]);
    table(150, [
      [0x83, 1, 10],
      [0x05, 0, 10],
    ]);
    expect(readPartitions(disk).length).toBeLessThanOrEqual(256);
  });

  it('of random damage gives partitions inside it or an error of ours', () => {
    const disk = memoryDisk(200 * MIB);
    writeGpt(disk, newDiskTable(newDiskLayout(200 * MIB), 'amd64'));
    const head = new Uint8Array(4096);
    disk.read(head, 0);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 20 }), (damage) => {
        const damaged = head.slice();
        for (const [at, value] of damage) damaged[at] = value;
        disk.write(damaged, 0);
        const code = codeOf(() => {
          for (const { offset, length } of readPartitions(disk))
            expect(offset + length).toBeLessThanOrEqual(disk.sizeBytes);
        });
        return code === undefined || code === 'FS_TABLE_CORRUPT';
      }),
    );
  });
});

describe("the layout of Windows' disks", () => {
  it('has whole MiB, no gaps, and room for the backup table, whatever the size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 342 * MIB, max: 4096 * GIB }), (sizeBytes) => {
        const { efi, reserved, system } = windowsDiskLayout(sizeBytes);
        expect([efi.offset, efi.length, reserved.length]).toEqual([MIB, 260 * MIB, 16 * MIB]);
        expect(reserved.offset).toBe(efi.offset + efi.length);
        expect(system.offset).toBe(reserved.offset + reserved.length);
        const rest = sizeBytes - (system.offset + system.length);
        expect([system.offset % MIB, system.length % MIB]).toEqual([0, 0]);
        expect(rest).toBeGreaterThanOrEqual(33 * 512);
        expect(rest).toBeLessThan(MIB + 33 * 512);
      }),
    );
    for (const sizeBytes of [341 * MIB, 0, NaN])
      expect(() => windowsDiskLayout(sizeBytes)).toThrow(
        expect.objectContaining({ code: 'FS_DISK_TOO_SMALL' }),
      );
  });

  it('is a table whose first partition can still be formatted', () => {
    const disk = memoryDisk(400 * MIB);
    writeGpt(disk, unformattedWindowsTable(windowsDiskLayout(400 * MIB)));
    const { microsoftBasicData, microsoftReserved } = PARTITION_TYPE;
    const found = readPartitions(disk);
    expect(found.map(({ type }) => type)).toEqual([
      microsoftBasicData,
      microsoftReserved,
      microsoftBasicData,
    ]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(3);
  });
});
