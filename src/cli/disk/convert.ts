/** Converts disks as the command line asks for it. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { allocatedBytes as allocatedBytesOf } from '../../base/allocated-bytes.ts';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { convertDisk } from '../../convert/convert.ts';
import type { DiskFormat } from '../../convert/format-names.ts';
import { formatOfContent, formatOfName } from '../../convert/formats.ts';
import type { Console } from '../console.ts';
import type { WorkFlags } from '../options.ts';
import { formatSize } from '../size.ts';
import { withDiskWork, writeResult } from './work.ts';

export interface ConvertFlags extends WorkFlags {
  readonly from?: DiskFormat;
  readonly to?: DiskFormat;
  readonly fixed?: boolean;
  readonly blockSize?: number;
  readonly sync?: boolean;
}

/** @throws HyperfileError as {@link convertDisk}; DISK_FORMAT_UNKNOWN */
export async function convert(
  inputName: string,
  outputName: string,
  flags: ConvertFlags,
  console: Console,
): Promise<void> {
  const input = path.resolve(console.cwd, inputName);
  const target = path.resolve(console.cwd, outputName);
  const from = flags.from ?? (await formatOfContent(input));
  const format = flags.to ?? formatOfOutput(outputName);
  const output = {
    format,
    ...(flags.fixed && { isFixed: true }),
    ...(flags.blockSize !== undefined && { blockBytes: flags.blockSize }),
  };
  const diskBytes = await withDiskWork(flags, console, `converting ${inputName} to ${outputName}`, (io) =>
    convertDisk({ format: from, path: input }, target, output, io, { durable: flags.sync === true }),
  );
  const stats = statSync(target);
  const allocatedBytes = allocatedBytesOf(stats);
  const result = { path: target, format, from, diskBytes, fileBytes: stats.size, allocatedBytes };
  const text = `${outputName}: ${format} disk of ${formatSize(diskBytes)}, ${formatSize(allocatedBytes)} on disk\n`;
  writeResult(flags, console, result, text);
}

function formatOfOutput(name: string): DiskFormat {
  try {
    return formatOfName(name);
  } catch (error) {
    if (!isHyperfileError(error, 'DISK_FORMAT_UNKNOWN')) throw error;
    throw new HyperfileError(error.code, { data: error.data, hint: `${error.hint} Or say it with --to.` });
  }
}
