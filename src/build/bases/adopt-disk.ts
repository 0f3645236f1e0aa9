/** Puts a disk of any known format into the store as one dynamic VHDX. */
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, link, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { allocatedBytes } from '../../base/allocated-bytes.ts';
import { systemCode } from '../../base/error.ts';
import { isOnWindows } from '../../base/host-platform.ts';
import { convertInto } from '../../convert/convert.ts';
import { unusable } from '../../convert/formats.ts';
import { openChain } from '../../vhdx/chain.ts';
import { DEFAULT_BLOCK_BYTES } from '../../vhdx/new-disk.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import { fileKind } from './disk-kind.ts';

const WRITE_BITS = 0o222;
const COPY_BYTES = 1024 * 1024;

/**
 * @param target Does not exist; nothing is left there when this throws.
 * @throws HyperfileError DISK_UNUSABLE, INTERRUPTED, TOOL_MISSING
 */
export async function adoptDisk(
  file: string,
  target: string,
  workshop: Workshop,
  step: StepId,
): Promise<void> {
  const kind = await fileKind(file);
  if (kind.kind !== 'disk') throw unusable(file, 'it is an archive; import it with `hyperfile import`');
  const names = [target];
  const scratch = (): string => {
    names.push(workshop.store.temporaryPath());
    return names[names.length - 1];
  };
  let isWhole = false;
  try {
    if (kind.format === 'vhdx' && standsAlone(file)) await takeOver(file, target);
    else {
      const output = { format: 'vhdx', blockBytes: DEFAULT_BLOCK_BYTES } as const;
      const onProgress = workshop.progress(step, 'converted');
      const io = { signal: workshop.signal, onProgress };
      await convertInto({ format: kind.format, path: file }, { path: target, scratch }, output, io);
    }
    isWhole = true;
  } finally {
    for (const name of isWhole ? names.slice(1) : names) await rm(name, { force: true });
  }
}

/**
 * Not a difference on another disk, nor one whose last changes are only in its log: those are missing in the file's bytes.
 * Opening the chain checks every file of it.
 */
function standsAlone(file: string): boolean {
  const chain = openChain(file);
  chain.close();
  return chain.layers.length === 1 && !chain.layers[0].replayedLog;
}

/**
 * A file that nobody may write can be shared by a hard link; any other is copied, because its owner may change it
 * later and every layer above would be lost. File systems that can share the blocks of a copy do.
 */
async function takeOver(file: string, target: string): Promise<void> {
  if (isOnWindows()) return copyOnWindows(file, target);
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

/**
 * A link would be as sparse, compressed or read-only as the file, and so would a copy by the system. Hyper-V takes nothing
 * sparse or compressed for a disk, and what is read-only cannot be flushed.
 */
async function copyOnWindows(file: string, target: string): Promise<void> {
  const stats = await stat(file);
  if (allocatedBytes(stats) < stats.size)
    return pipeline(
      createReadStream(file, { highWaterMark: COPY_BYTES }),
      createWriteStream(target, { flags: 'wx' }),
    );
  await copyFile(file, target, constants.COPYFILE_EXCL);
  await chmod(target, 0o600);
}
