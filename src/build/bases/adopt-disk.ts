/** Puts a disk of any known format into the store as one dynamic VHDX. */
import { constants } from 'node:fs';
import { copyFile, link, rm, stat } from 'node:fs/promises';
import { HyperfileError, isHyperfileError, systemCode } from '../../base/error.ts';
import { runTool } from '../../base/process.ts';
import { openChain } from '../../vhdx/chain.ts';
import { flatten } from '../flatten.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import { fileKind } from './disk-kind.ts';

const WRITE_BITS = 0o222;
const CHECK_FOUND_ERRORS = 2;

/**
 * @param target Does not exist; nothing is left there when this throws.
 * @throws HyperfileError BUILD_NOT_A_DISK, INTERRUPTED, TOOL_MISSING
 */
export async function adoptDisk(
  file: string,
  target: string,
  workshop: Workshop,
  step: StepId,
): Promise<void> {
  const kind = await fileKind(file);
  if (kind.kind !== 'disk') throw notADisk(file, 'it is an archive; import it with `hyperfile import`');
  try {
    if (kind.format !== 'vhdx') await convert(file, kind.format, target, workshop.signal);
    else if (isWhole(file)) await takeOver(file, target);
    else
      await flatten(file, target, {
        signal: workshop.signal,
        onProgress: workshop.progress(step, 'merging layers'),
      });
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

/** Not a difference on another disk. Opening the chain checks every file of it. */
function isWhole(file: string): boolean {
  const chain = openChain(file);
  chain.close();
  return chain.layers.length === 1;
}

/**
 * A file that nobody may write can be shared by a hard link; any other is copied, because its owner may change it
 * later and every layer above would be lost. File systems that can share the blocks of a copy do.
 */
async function takeOver(file: string, target: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & WRITE_BITS) === 0) {
    try {
      return await link(file, target);
    } catch (error) {
      if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(systemCode(error) ?? '')) throw error;
    }
  }
  await copyFile(file, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
}

/** The format is named, never guessed by qemu-img: a raw disk's guest could otherwise pose as any format. */
async function convert(file: string, format: string, target: string, signal: AbortSignal): Promise<void> {
  const qemuFormat = format === 'vhd' ? 'vpc' : format;
  try {
    if (qemuFormat === 'qcow2') {
      await refuseBackingFile(file, signal);
      await refuseDamage(file, signal);
    }
    const options = 'subformat=dynamic,block_size=1M,block_state_zero=on';
    await runTool('qemu-img', ['convert', '-f', qemuFormat, '-O', 'vhdx', '-o', options, file, target], {
      signal,
      endsWithUs: true,
    });
  } catch (error) {
    if (isHyperfileError(error, 'TOOL_FAILED')) throw notADisk(file, String(error.data.output));
    throw error;
  }
}

/** A qcow2 may name any file of the host as the one below it: what it holds is not only its own. */
async function refuseBackingFile(file: string, signal: AbortSignal): Promise<void> {
  const { stdout } = await runTool('qemu-img', ['info', '--output=json', '-f', 'qcow2', file], { signal });
  const info = JSON.parse(stdout) as {
    'backing-filename'?: string;
    'format-specific'?: { data?: { 'data-file'?: string } };
  };
  const other = info['backing-filename'] ?? info['format-specific']?.data?.['data-file'];
  if (other !== undefined)
    throw notADisk(file, `it stands on another file, ${other}; flatten it first with qemu-img convert`);
}

/** What lies past the end of a qcow2 that is cut short would be converted to zeros without a word. */
async function refuseDamage(file: string, signal: AbortSignal): Promise<void> {
  // 3: some space is lost, which a conversion gets rid of.
  const accept = [0, CHECK_FOUND_ERRORS, 3];
  const { status, stderr } = await runTool('qemu-img', ['check', '-f', 'qcow2', file], { signal, accept });
  if (status !== CHECK_FOUND_ERRORS) return;
  throw notADisk(file, `it is cut short or damaged: ${stderr.split('\n', 1)[0] ?? ''}`);
}

function notADisk(path: string, reason: string): HyperfileError {
  return new HyperfileError('BUILD_NOT_A_DISK', { data: { path, reason } });
}
