/** How a file shows which disk format it has, or is to have, and the error for one that it has only in name. */
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import { openHostFile } from '../disk/host-file.ts';
import type { DiskFormat } from './format-names.ts';

const ENDINGS: Readonly<Record<string, DiskFormat>> = {
  '.vhdx': 'vhdx',
  '.avhdx': 'vhdx',
  '.raw': 'raw',
  '.img': 'raw',
  '.vhd': 'vhd',
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
};

/**
 * The format that the ending of a name asks for.
 * @throws HyperfileError DISK_FORMAT_UNKNOWN
 */
export function formatOfName(name: string): DiskFormat {
  const format = ENDINGS[path.extname(name).toLowerCase()];
  if (format === undefined) throw new HyperfileError('DISK_FORMAT_UNKNOWN', { data: { path: name } });
  return format;
}

const HEAD_SIGNATURES: readonly (readonly [bytes: string, format: DiskFormat])[] = [
  ['vhdxfile', 'vhdx'],
  ['QFI\u00fb', 'qcow2'],
  ['conectix', 'vhd'],
  // Sparse extents of VMware's hosted products and of ESX, and the text that names the files of a disk.
  ['KDMV', 'vmdk'],
  ['COWD', 'vmdk'],
  ['# Disk DescriptorFile', 'vmdk'],
];
const HEAD_BYTES = 64;
/** The footer of a VHD is its last sector; only a dynamic one has a copy in front. */
const VHD_FOOTER_BYTES = 512;

/** The format whose signature an open file carries; undefined for none: a raw disk has none. */
export async function signatureOf(file: FileHandle): Promise<DiskFormat | undefined> {
  const head = await readPart(file, 0, HEAD_BYTES);
  const found = HEAD_SIGNATURES.find(([signature]) => startsWith(head, signature));
  if (found) return found[1];
  const { size } = await file.stat();
  const tail = await readPart(file, Math.max(0, size - VHD_FOOTER_BYTES), VHD_FOOTER_BYTES);
  return startsWith(tail, 'conectix') ? 'vhd' : undefined;
}

/**
 * The format of a file by its content alone; whatever carries no signature counts as raw.
 * @throws HyperfileError DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO
 */
export async function formatOfContent(filePath: string): Promise<DiskFormat> {
  openHostFile(filePath).close();
  const file = await open(filePath, 'r');
  try {
    return (await signatureOf(file)) ?? 'raw';
  } finally {
    await file.close();
  }
}

async function readPart(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

function startsWith(bytes: Buffer, signature: string): boolean {
  return bytes.subarray(0, signature.length).equals(Buffer.from(signature, 'latin1'));
}

/** DISK_UNUSABLE. @param reason `it is cut short` */
export function unusable(file: string, reason: string): HyperfileError {
  return new HyperfileError('DISK_UNUSABLE', { data: { path: file, reason } });
}
