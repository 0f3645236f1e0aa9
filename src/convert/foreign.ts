/**
 * Looks into disks of other programs before qemu-img converts them. A file may name others of the host as parts of
 * itself, and qemu-img would read those on behalf of whoever made it; and what is missing of a file that is cut short
 * would become zeros without a word.
 */
import { lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { isHyperfileError } from '../base/error.ts';
import { runTool } from '../base/process.ts';
import type { DiskFormat } from './format-names.ts';
import { unusable } from './formats.ts';

/** What qemu-img calls a format. */
export function qemuName(format: DiskFormat): string {
  return format === 'vhd' ? 'vpc' : format;
}

/**
 * The size of the disk in a file that is safe to convert.
 *
 * @throws HyperfileError DISK_UNUSABLE, TOOL_MISSING, INTERRUPTED
 */
export async function examineForeign(file: string, format: DiskFormat, signal: AbortSignal): Promise<number> {
  try {
    if (format === 'vmdk') await examineVmdk(file);
    const sizeBytes = await refuseOtherFiles(file, format, signal);
    if (format === 'qcow2' || format === 'vmdk') await refuseDamage(file, format, signal);
    return sizeBytes;
  } catch (error) {
    if (isHyperfileError(error, 'TOOL_FAILED')) throw unusable(file, String(error.data.output));
    throw error;
  }
}

interface DiskInfo {
  readonly 'virtual-size': number;
  readonly 'backing-filename'?: string;
  readonly 'format-specific'?: { readonly data?: { readonly 'data-file'?: string } };
}

/** A qcow2 or VMDK may name any file of the host as the one below it: what it holds is not only its own. */
async function refuseOtherFiles(file: string, format: DiskFormat, signal: AbortSignal): Promise<number> {
  const args = ['info', '--output=json', '-f', qemuName(format), file];
  const { stdout } = await runTool('qemu-img', args, { signal, endsWithUs: true });
  const info = JSON.parse(stdout) as DiskInfo;
  const other = info['backing-filename'] ?? info['format-specific']?.data?.['data-file'];
  if (other !== undefined)
    throw unusable(file, `it stands on another file, ${other}; flatten it first with qemu-img convert`);
  return info['virtual-size'];
}

/** Statuses of `qemu-img check`: it gave up, or came to its end and found errors. */
const DAMAGED = [1, 2];
/** Some space is lost, which a conversion gets rid of. */
const LEAKS = 3;

async function refuseDamage(file: string, format: DiskFormat, signal: AbortSignal): Promise<void> {
  const accept = [0, ...DAMAGED, LEAKS];
  const options = { signal, accept, endsWithUs: true };
  const { status, stderr } = await runTool('qemu-img', ['check', '-f', format, file], options);
  if (!DAMAGED.includes(status)) return;
  throw unusable(file, `it is cut short or damaged: ${stderr.split('\n', 1)[0] ?? ''}`);
}

/** As much of a descriptor as qemu-img reads. */
const DESCRIPTOR_BYTES = 1024 * 1024;
const SPARSE_EXTENT = 'KDMV';
const ESX_SPARSE_EXTENT = 'COWD';
/** Of a sparse extent's header: its size in sectors, 0 where the text behind it tells which files the disk consists of. */
const CAPACITY_OFFSET = 12;

/**
 * A VMDK may be a text that names the files of which the disk consists. Only files that are named after it and lie beside
 * it, as VMware makes them, can be meant to be parts of it.
 */
async function examineVmdk(file: string): Promise<void> {
  const head = await readHead(file, DESCRIPTOR_BYTES);
  const magic = head.toString('latin1', 0, 4);
  if (magic === ESX_SPARSE_EXTENT) return;
  if (magic === SPARSE_EXTENT) {
    if (head.length < CAPACITY_OFFSET + 8) throw unusable(file, 'it is cut short');
    if (head.readBigUInt64LE(CAPACITY_OFFSET) !== 0n) return;
    throw unusable(file, 'it names other files in a way that is not supported');
  }
  const stem = path.basename(file).replace(/\.vmdk$/i, '');
  for (const name of extentNames(head.toString('latin1'))) {
    const isOwn = name.startsWith(`${stem}-`) && /^[^/\\:]+\.vmdk$/i.test(name);
    const part = path.join(path.dirname(file), name);
    if (!isOwn) throw unusable(file, `it consists of another file, ${name}, that is not named after it`);
    if (!lstatSync(part, { throwIfNoEntry: false })?.isFile())
      throw unusable(file, `${name}, of which it consists, is missing or is not a file`);
  }
}

/** Every quoted name of a descriptor that is not the value of a key. */
function extentNames(descriptor: string): string[] {
  return descriptor.split(/[\r\n\0]/).flatMap((line) => {
    const name = /"([^"]*)/.exec(line)?.[1];
    return name === undefined || /^\s*(#|[\w.]+\s*=)/.test(line) ? [] : [name];
  });
}

async function readHead(file: string, length: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
