/** Trims a disk, whole or in a range, and says what became free. */
import path from 'node:path';
import { runSteps } from '../../base/steps.ts';
import { openChain } from '../../vhdx/chain.ts';
import { trimDisk, type DiskRange } from '../../vhdx/operations/trim.ts';
import type { Console } from '../console.ts';
import type { WorkFlags } from '../options.ts';
import { parseSize } from '../size.ts';
import { ownFile } from './own-file.ts';
import { withDiskWork, writeResult } from './work.ts';

export interface TrimFlags extends WorkFlags {
  readonly offset?: string;
  readonly length?: string;
  readonly force?: boolean;
}

export async function trim(name: string, flags: TrimFlags, console: Console): Promise<void> {
  const file = ownFile(name, console);
  const range = rangeOf(file, flags);
  const options = { orphanChildren: flags.force === true };
  const { freedBlocks } = await withDiskWork(flags, console, `trimming ${path.basename(file)}`, (io) =>
    runSteps(trimDisk(file, range, options), io),
  );
  const blocks = `${freedBlocks} ${freedBlocks === 1 ? 'block' : 'blocks'}`;
  const text = `${file}: ${blocks} free to be used again; \`hyperfile disk compact\` makes the file shorter\n`;
  writeResult(flags, console, { path: file, freedBlocks }, text);
}

/** A range from --offset on, to --length or the end of the disk. */
function rangeOf(file: string, { offset, length }: TrimFlags): DiskRange | undefined {
  if (offset === undefined && length === undefined) return undefined;
  const disk = openChain(file);
  disk.close();
  const start = offset === undefined || offset === '0' ? 0 : parseSize(offset);
  return { offset: start, length: length === undefined ? disk.sizeBytes - start : parseSize(length) };
}
