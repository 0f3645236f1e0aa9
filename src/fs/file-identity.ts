/** What tells that two names are one file. */
import { lstatSync, type Stats } from 'node:fs';

/** Device and inode, exactly: those of NTFS, ReFS and stacked file systems may pass what a number holds. */
export function fileIdentity(stat: Stats, hostPath: string): string {
  if (hasExactIdentity(stat)) return `${stat.dev}:${stat.ino}`;
  const { dev, ino } = lstatSync(hostPath, { bigint: true });
  return `${dev}:${ino}`;
}

export function hasExactIdentity({ dev, ino }: Stats): boolean {
  return Number.isSafeInteger(dev) && Number.isSafeInteger(ino);
}
