/** Makes empty VHDX files: a base of zeros, or a difference that changes nothing yet. */
import fs from 'node:fs';
import { HyperfileError } from '../base/error.ts';
import type { Progress } from '../base/events.ts';
import { writeNewFile } from '../base/new-file.ts';
import { runSteps, type StepsIo } from '../base/steps.ts';
import { createFixedDisk } from './fixed-disk.ts';
import { MIB, TIB } from './format.ts';
import { openLayer } from './layer.ts';
import { DEFAULT_BLOCK_BYTES, type NewDiskOptions } from './new-disk.ts';
import { createDisk, openSandbox, type SandboxOptions } from './sandbox.ts';

/** Up to here, small blocks cost little: 8 MiB of block table. */
const MAX_BYTES_OF_SMALL_BLOCKS = TIB;
const LARGE_BLOCK_BYTES = 32 * MIB;

/**
 * The block size that a disk gets unless told otherwise. Windows takes 32 MiB, of which a guest that writes here and there
 * fills few; with 1 MiB a file is hardly larger than what it holds. Only of very large disks the block table, which every
 * reader has to hold, would become too large.
 */
export function defaultBlockBytes(sizeBytes: number): number {
  return sizeBytes <= MAX_BYTES_OF_SMALL_BLOCKS ? DEFAULT_BLOCK_BYTES : LARGE_BLOCK_BYTES;
}

export interface NewFileShape extends Omit<NewDiskOptions, 'sizeBytes' | 'blockBytes'> {
  /** Needed unless there is a parent. */
  readonly sizeBytes?: number;
  /** Default by {@link defaultBlockBytes}. */
  readonly blockBytes?: number;
  /** Every block is there, filled with zeros. Not with a parent. */
  readonly isFixed?: boolean;
  /** The disk to be a difference on; its sectors are taken over. */
  readonly parentPath?: string;
}

/**
 * Makes an empty disk under its name: the file is there whole and durably, or not at all.
 *
 * @throws HyperfileError OUTPUT_EXISTS, OUTPUT_FOLDER, DISK_FULL, INTERRUPTED; as {@link createFixed} and
 *   {@link createChild}
 */
export async function createDiskFile(target: string, shape: NewFileShape, io: StepsIo): Promise<void> {
  await writeNewFile(target, ({ path }) => createAt(path, shape, io), { durable: true });
}

async function createAt(filePath: string, shape: NewFileShape, io: StepsIo): Promise<void> {
  const { parentPath, sizeBytes = 0, isFixed } = shape;
  if (parentPath !== undefined) return createChild(filePath, parentPath, shape);
  const options = { ...shape, sizeBytes, blockBytes: shape.blockBytes ?? defaultBlockBytes(sizeBytes) };
  if (isFixed) await runSteps(createFixed(filePath, options), io);
  else createVhdx(filePath, options);
}

/**
 * Makes an empty dynamic disk.
 * @throws HyperfileError as {@link createDisk}.
 */
export function createVhdx(filePath: string, options: NewDiskOptions): void {
  sealEmpty(filePath, () => createDisk(filePath, options));
}

/** How much of a fixed disk is filled between two reports. */
const REPORT_BYTES = 32 * MIB;

/**
 * Makes a fixed disk of zeros, all of which are really written. When it is stopped, its file is removed.
 * @throws HyperfileError as {@link createFixedDisk}.
 */
export function* createFixed(filePath: string, options: NewDiskOptions): Generator<Progress, void> {
  const disk = createFixedDisk(filePath, options);
  const total = disk.sizeBytes;
  let isWhole = false;
  try {
    for (let at = 0; at < total; at += REPORT_BYTES) {
      const count = Math.min(REPORT_BYTES, total - at);
      disk.zero(at, count);
      yield { done: at + count, total, unit: 'bytes' };
    }
    disk.seal();
    isWhole = true;
  } finally {
    disk.close();
    if (!isWhole) fs.rmSync(filePath, { force: true });
  }
}

/**
 * Makes an empty difference on a disk, which may be a difference itself. It may be larger than its parent, but not
 * smaller: what it could not show of the parent would only lie there.
 * @throws HyperfileError as {@link openSandbox}.
 */
export function createChild(
  filePath: string,
  parentPath: string,
  options: Pick<SandboxOptions, 'blockBytes' | 'sizeBytes'> = {},
): void {
  const parentBytes = sizeOf(parentPath);
  const { sizeBytes = parentBytes } = options;
  refuseSmaller(sizeBytes, parentBytes);
  const blockBytes = options.blockBytes ?? defaultBlockBytes(sizeBytes);
  sealEmpty(filePath, () => openSandbox({ sizeBytes, blockBytes, chain: parentPath, sandboxPath: filePath }));
}

function sizeOf(filePath: string): number {
  const { file, geometry } = openLayer(filePath);
  file.close();
  return geometry.sizeBytes;
}

function sealEmpty(filePath: string, open: () => ReturnType<typeof createDisk>): void {
  const disk = open();
  try {
    disk.seal();
  } catch (error) {
    fs.rmSync(filePath, { force: true });
    throw error;
  } finally {
    disk.close();
  }
}

function refuseSmaller(sizeBytes: number, parentBytes: number): void {
  if (sizeBytes >= parentBytes) return;
  const problem = `a size of ${sizeBytes} bytes is less than the ${parentBytes} bytes of its parent`;
  throw new HyperfileError('VHDX_GEOMETRY', {
    data: { problem },
    hint: 'Leave the size out to take that of the parent, or choose a larger one.',
  });
}
