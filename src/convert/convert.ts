/**
 * Disk files from one format to another. Raw disks and VHDX, alone or with the disks below them, are copied here, and
 * VHD are read here; all else goes through qemu-img, by way of a raw disk where it does not know the other end as well.
 */
import { HyperfileError } from '../base/error.ts';
import { writeNewFile, type NewFileOptions, type UnfinishedFile } from '../base/new-file.ts';
import type { StepsIo } from '../base/steps.ts';
import { openHostFile } from '../disk/host-file.ts';
import { copyAhead } from './copy.ts';
import { examineForeign } from './foreign.ts';
import type { DiskFormat } from './format-names.ts';
import { convertWithQemu } from './qemu.ts';
import { rawSource, vhdxSource, type CopySource } from './source.ts';
import { openTarget, type CopyTargetOptions } from './target.ts';
import { vhdSource } from './vhd-source.ts';

/** What is converted. A VHDX is the leaf of a chain whose parents are found, or a chain given leaf first. */
export type ConvertInput =
  | { readonly format: 'vhdx'; readonly path: string | readonly string[] }
  | { readonly format: Exclude<DiskFormat, 'vhdx'>; readonly path: string };

export interface ConvertOutput {
  readonly format: DiskFormat;
  /** The host reserves the space of everything, zeros too: for VHDX, VHD and raw disks. */
  readonly isFixed?: boolean;
  /** Of a VHDX; the default goes by its size. */
  readonly blockBytes?: number;
}

/**
 * Converts a disk into a new file, which appears whole under its name or not at all. The input is only read.
 *
 * @returns the size of the disk in bytes
 * @throws HyperfileError OUTPUT_EXISTS, OUTPUT_FOLDER, DISK_FORMAT_OPTION, DISK_NOT_FOUND, DISK_UNUSABLE, DISK_FULL,
 *   TOOL_MISSING, TOOL_FAILED, INTERRUPTED, and those of VHDX that are damaged or cannot be made
 */
export async function convertDisk(
  input: ConvertInput,
  target: string,
  output: ConvertOutput,
  io: StepsIo,
  options: NewFileOptions = {},
): Promise<number> {
  refuseMisfits(output);
  return writeNewFile(target, (file) => convertInto(input, file, output, io), options);
}

function refuseMisfits({ format, isFixed, blockBytes }: ConvertOutput): void {
  const misfit = (option: string) => new HyperfileError('DISK_FORMAT_OPTION', { data: { option, format } });
  if (isFixed && (format === 'qcow2' || format === 'vmdk')) throw misfit('--fixed');
  if (blockBytes !== undefined && format !== 'vhdx') throw misfit('--block-size');
}

/** As {@link convertDisk}, for whoever takes care of the file and its scratch files. */
export async function convertInto(
  input: ConvertInput,
  file: UnfinishedFile,
  output: ConvertOutput,
  io: StepsIo,
): Promise<number> {
  const { format, isFixed = false } = output;
  if (isReadHere(input) && isWrittenHere(format))
    return copyInto(input, file.path, { ...output, format }, io);
  if ((isReadHere(input) && input.format !== 'raw') || format === 'vhdx')
    return throughRaw(input, file, output, io);
  const sizeBytes = await sizeOf(input, io.signal);
  const from = { from: input.format, input: input.path };
  await convertWithQemu({ ...from, to: format, output: file.path, sizeBytes, isFixed }, io);
  return sizeBytes;
}

type OwnInput = Extract<ConvertInput, { format: 'vhdx' }> | { format: 'raw' | 'vhd'; path: string };

/** What is read without other programs. */
function isReadHere(input: ConvertInput): input is OwnInput {
  return input.format === 'vhdx' || input.format === 'raw' || input.format === 'vhd';
}

/** What is written without other programs. */
function isWrittenHere(format: DiskFormat): format is 'vhdx' | 'raw' {
  return format === 'vhdx' || format === 'raw';
}

/**
 * qemu-img cannot read differencing VHDX, and its own VHDX are neither as good nor made any sooner; of many a VHD it
 * reads less than there is, as much as has room in the cylinders that the file tells of.
 */
async function throughRaw(
  input: ConvertInput,
  file: UnfinishedFile,
  output: ConvertOutput,
  io: StepsIo,
): Promise<number> {
  const raw = file.scratch();
  await convertInto(input, { ...file, path: raw }, { format: 'raw' }, inHalf(io, 0));
  return convertInto({ format: 'raw', path: raw }, file, output, inHalf(io, 1));
}

/** The progress of work that is half of the whole. */
function inHalf(io: StepsIo, before: 0 | 1): StepsIo {
  const onProgress: StepsIo['onProgress'] = ({ done, total = done, unit }) =>
    io.onProgress({ done: done + before * total, total: 2 * total, unit });
  return { ...io, onProgress };
}

async function sizeOf({ format, path }: ConvertInput, signal: AbortSignal): Promise<number> {
  const file = path as string;
  if (format !== 'raw') {
    // qemu-img would open anything.
    openHostFile(file).close();
    return examineForeign(file, format, signal);
  }
  const source = await rawSource(file);
  source.close();
  return source.sizeBytes;
}

async function copyInto(
  input: OwnInput,
  filePath: string,
  output: CopyTargetOptions,
  io: StepsIo,
): Promise<number> {
  const source = await openSource(input);
  try {
    const target = openTarget(filePath, source, output);
    try {
      await copyAhead(source, target, io);
      target.seal();
      return source.sizeBytes;
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

async function openSource({ format, path }: OwnInput): Promise<CopySource> {
  if (format === 'vhdx') return vhdxSource(path);
  return format === 'vhd' ? vhdSource(path) : rawSource(path);
}
