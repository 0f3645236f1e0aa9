/**
 * Which parts of a sparse file hold data. Node has no call for it, and reading holes costs nearly as much as reading
 * data; so where a file has many, Perl asks the system (every Debian and most other Linux systems have it). Without an
 * answer the whole file counts as data, which is only slower.
 */
import { statSync } from 'node:fs';
import { hostSystem } from '../base/host-platform.ts';

/** A stretch of a file. */
export interface FileRange {
  readonly fileOffset: number;
  readonly length: number;
}

/** Fewer holes than this are read before a program has started. */
const MIN_HOLE_BYTES = 64 * 1024 * 1024;
const ALLOCATION_UNIT_BYTES = 512;

/** 3 and 4 are Linux's SEEK_DATA and SEEK_HOLE; behind the last data the first of them fails with ENXIO. */
const LIST_DATA = `
use Errno qw(ENXIO);
sysopen(my $file, $ARGV[0], 0) or die "open: $!";
for (my $at = 0;;) {
  my $start = sysseek($file, $at, 3);
  if (!defined $start) { last if $! == ENXIO; die "seek: $!"; }
  $at = sysseek($file, $start, 4);
  die "seek: $!" unless defined $at;
  printf "%d %d\\n", $start, $at;
}`;

/** The parts of a file that may hold anything but zeros, in order. */
export async function dataRanges(filePath: string): Promise<FileRange[]> {
  const { size, blocks } = statSync(filePath);
  const whole = [{ fileOffset: 0, length: size }];
  const hasHoles = size - blocks * ALLOCATION_UNIT_BYTES >= MIN_HOLE_BYTES;
  if (!hasHoles || hostSystem() !== 'linux') return whole;
  const { runQuickly } = await import('../base/spawn.ts');
  try {
    return parse(await runQuickly('perl', ['-e', LIST_DATA, filePath]), size);
  } catch {
    return whole;
  }
}

/** @throws Error for an answer that cannot be: then nothing of it is believed. */
function parse(lines: string, size: number): FileRange[] {
  const ranges: FileRange[] = [];
  let last = 0;
  for (const line of lines.trim().split('\n')) {
    if (line === '') continue;
    const [start = NaN, end = NaN] = line.split(' ').map(Number);
    if (!(start >= last && end > start)) throw new Error(`not a range of a file: ${line}`);
    last = end;
    if (start < size) ranges.push({ fileOffset: start, length: Math.min(end, size) - start });
  }
  return ranges;
}
