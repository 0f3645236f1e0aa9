/** What a file occupies on the host's disk. */
import type { Stats } from 'node:fs';
import { hostSystem } from './host-platform.ts';

const ALLOCATION_UNIT_BYTES = 512;

/** On Windows the file's size where the file system does not tell: shares and drivers there say nothing, or 0. */
export function allocatedBytes(
  { size, blocks }: Pick<Stats, 'size' | 'blocks'>,
  platform: NodeJS.Platform = hostSystem(),
): number {
  return platform === 'win32' && !(blocks > 0) ? size : blocks * ALLOCATION_UNIT_BYTES;
}
