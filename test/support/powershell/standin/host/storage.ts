/** The host's disks as the Storage module shows them: its own, and every VHDX that is mounted. */
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { readDiskId } from '../../../../../src/gpt/disk-id.ts';
import { PARTITION_TYPE } from '../../../../../src/gpt/format.ts';
import type { AttachedDisk, AttachedPartition } from './attachments.ts';
import type { TypedObject } from './call.ts';
import { NoSuchObject, notInContract, StandInError } from './errors.ts';
import type { Faults } from './faults.ts';
import { canMount } from './mounts.ts';

const GIB = 1024 ** 3;

/** A disk that Windows sees, with what it has given it. */
export interface ShownDisk {
  readonly number: number;
  readonly disk: AttachedDisk;
  readonly withLetters: boolean;
  /** By partition number. */
  readonly letters: Map<number, string>;
  readonly folders: Map<number, string>;
  /** In milliseconds since 1970. */
  readonly mountedAt: number;
  /** Another disk of its identity was there first: Windows shows none of its partitions. */
  readonly isOffline: boolean;
  /** Partitions whose GUID another disk's had first: their volumes would have the same name, and have none. */
  readonly nameless: ReadonlySet<number>;
}

export interface ShownPartition {
  readonly shown: ShownDisk;
  readonly partition: AttachedPartition;
}

export class Storage {
  readonly #faults: Faults;
  readonly #shown: ShownDisk[] = [];
  #lastNumber = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Numbers are given anew from 1: disk 0 is the host's own. */
  add(disk: AttachedDisk, { withLetters }: { withLetters: boolean }): ShownDisk {
    const shown = {
      number: ++this.#lastNumber,
      disk,
      withLetters,
      letters: new Map(),
      folders: new Map(),
      mountedAt: Date.now(),
      isOffline: this.#shown.some((other) => hasSameId(other.disk, disk)),
      nameless: this.#nameless(disk),
    };
    this.#shown.push(shown);
    if (withLetters) for (const { number } of this.#lettered(shown)) this.assignLetter(shown, number);
    return shown;
  }

  #nameless(disk: AttachedDisk): Set<number> {
    const taken = this.#shown.flatMap((other) => partitionsOf(other).map(({ id }) => id));
    const partitions = disk.partitions().filter(({ id }) => id !== undefined && taken.includes(id));
    return new Set(partitions.map(({ number }) => number));
  }

  remove(disk: AttachedDisk): void {
    const index = this.#shown.findIndex((shown) => shown.disk === disk);
    if (index >= 0) this.#shown.splice(index, 1);
  }

  /** As Get-VHD knows it: a little after the mount. */
  numberOf(disk: AttachedDisk): number | undefined {
    const shown = this.#shown.find((one) => one.disk === disk);
    return shown !== undefined && Date.now() >= shown.mountedAt + this.#faults.numbersAppearAfterMs
      ? shown.number
      : undefined;
  }

  /** @throws StandInError */
  byNumber(number: number): AttachedDisk {
    return this.shownByNumber(number).disk;
  }

  shownByNumber(number: number): ShownDisk {
    const found = this.#shown.find((shown) => shown.number === number);
    if (found === undefined) throw new NoSuchObject('MSFT_Disk', 'Number', String(number));
    return found;
  }

  disks(): readonly ShownDisk[] {
    return this.#shown;
  }

  /** Of all mounted disks, once Windows has noticed them. */
  partitions(): ShownPartition[] {
    return this.#shown
      .filter(
        ({ mountedAt, isOffline }) =>
          Date.now() >= mountedAt + this.#faults.volumesAppearAfterMs && !isOffline,
      )
      .flatMap((shown) => partitionsOf(shown).map((partition) => ({ shown, partition })));
  }

  #lettered(shown: ShownDisk): AttachedPartition[] {
    return partitionsOf(shown).filter(
      ({ type, fileSystem }) => type === PARTITION_TYPE.microsoftBasicData && isWindows(fileSystem),
    );
  }

  /** From E: on, as the host has C: and D: itself. */
  assignLetter(shown: ShownDisk, partition: number): void {
    const taken = new Set(this.#shown.flatMap(({ letters }) => [...letters.values()]));
    const letter = [...'EFGHIJKLMNOPQRSTUVWXYZ'].find((candidate) => !taken.has(candidate));
    if (letter === undefined) throw failed('no drive letter is free');
    shown.letters.set(partition, letter);
  }

  /** @throws StandInError when no volume has the letter */
  byLetter(letter: string): ShownPartition {
    const found = this.partitions().find(
      ({ shown, partition }) => shown.letters.get(partition.number) === letter.toUpperCase(),
    );
    if (found === undefined) throw new NoSuchObject('MSFT_Volume', 'DriveLetter', letter);
    return found;
  }

  /** Shows a volume in an empty folder: for real. */
  async addFolder({ shown, partition }: ShownPartition, folder: string): Promise<void> {
    const { number, fileSystem } = partition;
    if (!existsSync(folder) || !statSync(folder).isDirectory() || readdirSync(folder).length > 0)
      throw failed(`the access path is not valid: ${folder}`);
    if (shown.nameless.has(number)) throw failed('Not Supported');
    if (!isWindows(fileSystem) || !canMount(fileSystem))
      throw failed(`partition ${number} holds no volume that can be shown`);
    if (shown.folders.has(number)) throw notInContract('a volume in two folders');
    await shown.disk.mount(partition, folder);
    shown.folders.set(number, folder);
  }

  async removeFolder({ shown, partition }: ShownPartition, folder: string): Promise<void> {
    if (shown.folders.get(partition.number) !== folder)
      throw failed(`the access path is not valid: ${folder}`);
    await shown.disk.unmount(partition.number);
    shown.folders.delete(partition.number);
  }
}

export function failed(what: string): StandInError {
  return new StandInError('cimFailed', 'storageFailed', [what]);
}

function partitionsOf({ disk }: ShownDisk): AttachedPartition[] {
  return disk.partitions().filter(({ number }) => number > 0);
}

/** File systems that Windows reads. */
const WINDOWS_NAMES: Readonly<Record<string, string>> = { ntfs: 'NTFS', vfat: 'FAT32', exfat: 'exFAT' };
const isWindows = (type: string | undefined): boolean => type !== undefined && type in WINDOWS_NAMES;

const TYPE_NAMES: Readonly<Record<string, string>> = {
  [PARTITION_TYPE.efiSystem]: 'System',
  [PARTITION_TYPE.microsoftReserved]: 'Reserved',
  [PARTITION_TYPE.microsoftBasicData]: 'Basic',
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': 'Recovery',
};

const diskPath = (number: number): string =>
  String.raw`\\?\scsi#disk&ven_msft&prod_virtual_disk#2&1f4adffe&0&00000` + number;

function hasSameId(one: AttachedDisk, other: AttachedDisk): boolean {
  const [id, otherId] = [one, other].map((disk) => disk.withRaw(readDiskId));
  if (id?.table === 'gpt') return otherId?.table === 'gpt' && id.guid === otherId.guid;
  return id !== undefined && otherId?.table === 'mbr' && id.signature === otherId.signature;
}

/** The disk that the host itself runs from. */
export const HOST_DISK: TypedObject = {
  $type: 'MSFT_Disk',
  Number: 0,
  DiskNumber: 0,
  FriendlyName: 'Host disk',
  UniqueId: 'eui.0025385171B0B0A1',
  Path: String.raw`\\?\scsi#disk&ven_nvme#0`,
  Size: 512 * GIB,
  AllocatedSize: 512 * GIB,
  LogicalSectorSize: 512,
  PhysicalSectorSize: 512,
  NumberOfPartitions: 3,
  PartitionStyle: 'GPT',
  IsOffline: false,
  IsReadOnly: false,
  IsBoot: true,
  IsSystem: true,
  OperationalStatus: 'Online',
  HealthStatus: 'Healthy',
  BusType: 'NVMe',
};

export function describeDisk(shown: ShownDisk): TypedObject {
  const { number, disk } = shown;
  const partitions = partitionsOf(shown);
  const sizeBytes = disk.withRaw((raw) => raw.sizeBytes);
  return {
    $type: 'MSFT_Disk',
    Number: number,
    DiskNumber: number,
    FriendlyName: 'Msft Virtual Disk',
    UniqueId: `60022480${String(number).padStart(24, '0')}`,
    Path: diskPath(number),
    Location: disk.path,
    Size: sizeBytes,
    AllocatedSize: partitions.reduce((sum, { length }) => sum + length, 0),
    LogicalSectorSize: 512,
    PhysicalSectorSize: 4096,
    NumberOfPartitions: partitions.length,
    PartitionStyle: partitions.length === 0 ? 'RAW' : partitions[0].type.startsWith('mbr:') ? 'MBR' : 'GPT',
    IsOffline: shown.isOffline,
    IsReadOnly: disk.readOnly,
    IsBoot: false,
    IsSystem: false,
    OperationalStatus: shown.isOffline ? 'Offline' : 'Online',
    HealthStatus: 'Healthy',
    BusType: 'File Backed Virtual',
    LargestFreeExtent: largestFree(partitions, sizeBytes).length,
  };
}

export function describePartition({ shown, partition }: ShownPartition): TypedObject {
  const letter = shown.letters.get(partition.number);
  const folder = shown.folders.get(partition.number);
  const isMbr = partition.type.startsWith('mbr:');
  return {
    $type: 'MSFT_Partition',
    DiskNumber: shown.number,
    PartitionNumber: partition.number,
    DriveLetter: letter ?? '\0',
    AccessPaths: [
      ...(letter === undefined ? [] : [`${letter}:\\`]),
      ...(folder === undefined ? [] : [folder + path.sep]),
      ...(isWindows(partition.fileSystem) ? [volumePath(partition)] : []),
    ],
    Offset: partition.offset,
    Size: partition.length,
    GptType: isMbr ? '' : `{${partition.type}}`,
    Guid: partition.id === undefined ? '' : `{${partition.id}}`,
    MbrType: isMbr ? parseInt(partition.type.slice(4), 16) : null,
    Type: TYPE_NAMES[partition.type] ?? (isMbr ? 'IFS' : 'Unknown'),
    IsActive: false,
    IsBoot: false,
    IsSystem: partition.type === PARTITION_TYPE.efiSystem,
    IsHidden: partition.type !== PARTITION_TYPE.microsoftBasicData,
    IsReadOnly: shown.disk.readOnly,
    IsOffline: false,
    NoDefaultDriveLetter: !shown.withLetters,
    UniqueId: `{${partition.id ?? partition.number}}60022480${String(shown.number).padStart(24, '0')}`,
    DiskId: diskPath(shown.number),
    DiskPath: diskPath(shown.number),
  };
}

/** Every partition but reserved ones is a volume; one that Windows cannot read has no file system. */
export function isVolume({ shown, partition }: ShownPartition): boolean {
  return partition.type !== PARTITION_TYPE.microsoftReserved && !shown.nameless.has(partition.number);
}

export function describeVolume({ shown, partition }: ShownPartition): TypedObject {
  const name = WINDOWS_NAMES[partition.fileSystem ?? ''];
  const mounted = shown.disk.mounts.get(partition.number);
  const stats = mounted && statfsSync(mounted.folder);
  return {
    $type: 'MSFT_Volume',
    DriveLetter: shown.letters.get(partition.number) ?? null,
    FileSystem: name ?? '',
    FileSystemType: name ?? 'Unknown',
    FileSystemLabel: '',
    Path: volumePath(partition),
    UniqueId: volumePath(partition),
    Size: name === undefined ? 0 : partition.length,
    SizeRemaining: stats ? stats.bavail * stats.bsize : 0,
    DriveType: 'Fixed',
    HealthStatus: 'Healthy',
    OperationalStatus: name === undefined ? 'Unknown' : 'OK',
    AllocationUnitSize: name === undefined ? 0 : 4096,
  };
}

function volumePath({ id, number }: AttachedPartition): string {
  return `\\\\?\\Volume{${id ?? `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`}}\\`;
}

/** The largest run of bytes that no partition has, on whole megabytes. */
export function largestFree(
  partitions: readonly AttachedPartition[],
  sizeBytes: number,
): { offset: number; length: number } {
  const mib = 1024 ** 2;
  const taken = [...partitions].sort((a, b) => a.offset - b.offset);
  const edges = [{ offset: 0, length: mib }, ...taken, { offset: sizeBytes - mib, length: mib }];
  const gaps = edges.slice(1).map((next, index) => {
    const offset = Math.ceil((edges[index].offset + edges[index].length) / mib) * mib;
    return { offset, length: Math.max(0, Math.floor(next.offset / mib) * mib - offset) };
  });
  return gaps.reduce((best, gap) => (gap.length > best.length ? gap : best));
}
