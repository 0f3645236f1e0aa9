/** What file steps want to know of a file: Node's own Stats have it, and so have files that are not on this host. */
import type { Stats } from 'node:fs';

export type FileStat = Pick<
  Stats,
  | 'blocks'
  | 'ctimeMs'
  | 'dev'
  | 'gid'
  | 'ino'
  | 'isBlockDevice'
  | 'isCharacterDevice'
  | 'isDirectory'
  | 'isFIFO'
  | 'isFile'
  | 'isSocket'
  | 'isSymbolicLink'
  | 'mode'
  | 'mtimeMs'
  | 'nlink'
  | 'rdev'
  | 'size'
  | 'uid'
>;
