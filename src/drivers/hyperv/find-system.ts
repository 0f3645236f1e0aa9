/** Finds a guest's system on a disk by reading the disk itself: nothing is mounted, and Hyper-V is not asked. */
import { HyperfileError } from '../../base/error.ts';
import type { ReadableDisk } from '../../disk/disk.ts';
import { identifyFileSystem, LINUX_ROOT_FILE_SYSTEMS, type FileSystemType } from '../../fs/identify.ts';
import { LINUX_ROOT_TYPES, PARTITION_TYPE } from '../../gpt/format.ts';
import type { Partition } from '../../gpt/partition.ts';
import { readPartitions } from '../../gpt/read.ts';
import { guestOsOf } from '../../oci/image.ts';
import { openChain } from '../../vhdx/chain.ts';
import type { RootPartition } from '../driver.ts';

/** How a disk is divided; machines of generation 2 start only from `gpt`. */
export type PartitionTable = 'gpt' | 'mbr';

export interface FoundSystem {
  readonly root: RootPartition;
  /** Other partitions that look as much like the system: only a look inside tells them apart. */
  readonly isCertain: boolean;
}

/** Recovery and reserved partitions have types of their own. */
const WINDOWS_VOLUMES: readonly string[] = [PARTITION_TYPE.microsoftBasicData, 'mbr:07', 'whole-disk'];

interface Candidate extends RootPartition {
  readonly rank: number;
}

/**
 * The root file system of a chain: the partition that is marked as Linux's root, else the largest volume of Windows,
 * else the largest file system of Linux.
 *
 * @param chain leaf first
 * @throws HyperfileError DRIVER_ROOT_NOT_FOUND, what opening the chain throws
 */
export function findSystem(chain: readonly string[]): FoundSystem {
  const candidates = withDisk(chain, (disk) =>
    readPartitions(disk).flatMap((partition) => candidateOf(disk, partition)),
  ).sort((a, b) => a.rank - b.rank || b.length - a.length);
  const [found] = candidates;
  if (found === undefined) throw new HyperfileError('DRIVER_ROOT_NOT_FOUND', { data: { disk: chain[0] } });
  const { offset, length, type, rank } = found;
  const isCertain = candidates.filter((candidate) => candidate.rank === rank).length === 1;
  return { root: { offset, length, type }, isCertain };
}

/** How the disk of a chain is divided. A disk without a table is started as those with an old one are. */
export function partitionTableOf(chain: readonly string[]): PartitionTable {
  const partitions = withDisk(chain, readPartitions);
  return partitions.some(({ type }) => type === 'whole-disk' || type.startsWith('mbr:')) ? 'mbr' : 'gpt';
}

function candidateOf(disk: ReadableDisk, partition: Partition): Candidate[] {
  const { offset, length } = partition;
  const type = identifyFileSystem(disk, offset);
  if (type === undefined) return [];
  const rank = rankOf(partition.type, type);
  return rank === undefined ? [] : [{ offset, length, type, rank }];
}

function rankOf(partitionType: string, type: FileSystemType): number | undefined {
  if (LINUX_ROOT_FILE_SYSTEMS.includes(type)) return LINUX_ROOT_TYPES.includes(partitionType) ? 0 : 2;
  return guestOsOf(type) === 'windows' && WINDOWS_VOLUMES.includes(partitionType) ? 1 : undefined;
}

function withDisk<T>(chain: readonly string[], work: (disk: ReadableDisk) => T): T {
  const disk = openChain(chain);
  try {
    return work(disk);
  } finally {
    disk.close();
  }
}
