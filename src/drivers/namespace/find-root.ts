/** Finds the root file system of a foreign disk: by its partition's type, else by looking into what can be mounted. */
import { mkdirSync, rmdirSync } from 'node:fs';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { traceInside } from '../../fs/inside.ts';
import { identifyFileSystem, LINUX_ROOT_FILE_SYSTEMS } from '../../fs/identify.ts';
import { LINUX_ROOT_TYPES } from '../../gpt/format.ts';
import { findRootCandidates } from '../../gpt/read.ts';
import { guestOsOf } from '../../oci/image.ts';
import { openChain } from '../../vhdx/chain.ts';
import type { RootPartition } from '../driver.ts';
import type { Disks } from './disks.ts';
import { mountGuest } from './guest-mount.ts';
import { unmount } from './mounts.ts';

export interface FindRootParts {
  readonly disks: Disks;
  /** A private folder that does not exist yet. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

interface Candidate extends RootPartition {
  readonly isMarked: boolean;
}

/** @throws HyperfileError DRIVER_ROOT_NOT_FOUND, DRIVER_WINDOWS_GUEST, INTERRUPTED, what opening the chain throws */
export async function findRoot(chain: readonly string[], parts: FindRootParts): Promise<RootPartition> {
  const all = listFileSystems(chain);
  const candidates = all.filter(({ type }) => (LINUX_ROOT_FILE_SYSTEMS as readonly string[]).includes(type));
  const marked = candidates.filter(({ isMarked }) => isMarked);
  const [only] = marked.length > 0 ? marked : candidates;
  if (only && (marked.length === 1 || candidates.length === 1)) return asRoot(only);
  for (const candidate of candidates) {
    if (parts.signal?.aborted) throw new HyperfileError('INTERRUPTED');
    if (await holdsSystem(chain, candidate, parts)) return asRoot(candidate);
  }
  if (candidates.length === 0 && all.some(({ type }) => guestOsOf(type) === 'windows'))
    throw new HyperfileError('DRIVER_WINDOWS_GUEST', { data: { disk: chain[0] } });
  throw new HyperfileError('DRIVER_ROOT_NOT_FOUND', { data: { disk: chain[0] } });
}

/** The likeliest root first. */
function listFileSystems(chain: readonly string[]): Candidate[] {
  const disk = openChain(chain);
  try {
    return findRootCandidates(disk).flatMap(({ offset, length, type: partitionType }) => {
      const type = identifyFileSystem(disk, offset);
      if (type === undefined) return [];
      return [{ offset, length, type, isMarked: LINUX_ROOT_TYPES.includes(partitionType) }];
    });
  } finally {
    disk.close();
  }
}

/** True when the file system can be mounted and says which system it holds. */
async function holdsSystem(
  chain: readonly string[],
  candidate: Candidate,
  parts: FindRootParts,
): Promise<boolean> {
  const { offset, length, type } = candidate;
  const disk = await parts.disks.attach({ chain, partition: { offset, length } });
  mkdirSync(parts.folder, { mode: 0o700 });
  try {
    await mountGuest(disk.devicePath, parts.folder, type, false);
    try {
      return traceInside(parts.folder, '/etc/os-release').stat?.isFile() ?? false;
    } finally {
      await unmount(parts.folder);
    }
  } catch (error) {
    // Damaged, or of a kind that this kernel does not know: the next may do.
    if (error instanceof HyperfileError) return false;
    throw error;
  } finally {
    await disk.detach().catch((error: unknown) => {
      // Another mount namespace of the host holds a copy of the mount: it goes when that ends.
      if (!isHyperfileError(error, 'FUSE_DEVICE_BUSY')) throw error;
    });
    rmdirSync(parts.folder);
  }
}

function asRoot({ offset, length, type }: Candidate): RootPartition {
  return { offset, length, type };
}
