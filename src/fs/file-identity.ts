/** What tells that two names are one file. */
import { lstatSync } from 'node:fs';
import type { FileStat } from './file-stat.ts';

/** Device and inode, exactly: those of NTFS, ReFS and stacked file systems may pass what a number holds. */
export function fileIdentity(stat: FileStat, hostPath: string): string {
  if (hasExactIdentity(stat)) return `${stat.dev}:${stat.ino}`;
  const { dev, ino } = lstatSync(hostPath, { bigint: true });
  return `${dev}:${ino}`;
}

export function hasExactIdentity({ dev, ino }: FileStat): boolean {
  return Number.isSafeInteger(dev) && Number.isSafeInteger(ino);
}
