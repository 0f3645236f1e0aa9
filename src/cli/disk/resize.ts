/** Resizes a disk: what would be lost is refused before anything is touched. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import { runSteps } from '../../base/steps.ts';
import { readPartitions } from '../../gpt/read.ts';
import { openChain } from '../../vhdx/chain.ts';
import { resizeDisk } from '../../vhdx/operations/resize.ts';
import type { Console } from '../console.ts';
import type { WorkFlags } from '../options.ts';
import { formatSize, parseSize } from '../size.ts';
import { ownFile } from './own-file.ts';
import { withDiskWork, writeResult } from './work.ts';

export interface ResizeFlags extends WorkFlags {
  readonly shrink?: boolean;
  readonly force?: boolean;
}

export async function resize(
  name: string,
  size: string,
  flags: ResizeFlags,
  console: Console,
): Promise<void> {
  const file = ownFile(name, console);
  const { from, to } = newSize(file, size, flags);
  const options = { orphanChildren: flags.force === true };
  await withDiskWork(flags, console, `resizing ${path.basename(file)}`, (io) =>
    runSteps(resizeDisk(file, to, options), io),
  );
  const fileBytes = statSync(file).size;
  const hint =
    to < from
      ? ' What the file had behind its new end is given back.'
      : to > from
        ? ' Partitions keep their size: extend them in the guest.'
        : '';
  const text = `${file}: ${formatSize(from)} -> ${formatSize(to)}.${hint}\n`;
  writeResult(flags, console, { path: file, fromBytes: from, diskBytes: to, fileBytes }, text);
}

/** @throws HyperfileError CLI_BAD_SIZE, VHDX_SHRINKS, VHDX_PARTITION_LOST */
function newSize(file: string, size: string, flags: ResizeFlags): { from: number; to: number } {
  const disk = openChain(file);
  try {
    const from = disk.sizeBytes;
    const sign = /^[+-]/.exec(size)?.[0];
    const amount = parseSize(sign === undefined ? size : size.slice(1));
    const to = sign === '+' ? from + amount : sign === '-' ? from - amount : amount;
    if (to >= from) return { from, to };
    if (!flags.shrink) throw new HyperfileError('VHDX_SHRINKS', { data: { path: file, from, to } });
    const last = Math.max(0, ...readPartitions(disk).map(endOf));
    if (last > to && !flags.force) {
      throw new HyperfileError('VHDX_PARTITION_LOST', { data: { path: file, end: last, to } });
    }
    return { from, to };
  } finally {
    disk.close();
  }
}

/** A disk without a table is one file system, which may end anywhere: its owner says --shrink. */
function endOf(partition: {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
}): number {
  return partition.type === 'whole-disk' ? 0 : partition.offset + partition.length;
}
