/** Loop devices over parts of raw images. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runTool } from '../../../../../src/base/process.ts';

export interface LoopRequest {
  readonly rawPath: string;
  /** The part of it, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly readOnly: boolean;
}

const PATIENCE_MS = 120_000;
const PAUSE_MS = 20;

/** @returns `/dev/loopN` */
export async function attachLoop({ rawPath, offset, length, readOnly }: LoopRequest): Promise<string> {
  const part = ['--offset', String(offset), '--sizelimit', String(length)];
  const { stdout } = await runTool('losetup', [
    '--find',
    '--show',
    ...part,
    ...(readOnly ? ['--read-only'] : []),
    rawPath,
  ]);
  return stdout.trim();
}

/**
 * Lets go of a device, and of its image: losetup returns at once where something else still has the device, as a mount
 * has that the kernel is about to end, and not all is in the image before that.
 */
export async function detachLoop(device: string): Promise<void> {
  const part = partOf(device);
  await runTool('losetup', ['--detach', device]);
  const deadline = performance.now() + PATIENCE_MS;
  while (part !== undefined && partOf(device) === part) {
    if (performance.now() > deadline) throw new Error(`${device} on ${part} stays in use`);
    await sleep(PAUSE_MS);
  }
}

/** The image and the part of it that a device shows; undefined when it shows none. */
function partOf(device: string): string | undefined {
  const folder = path.join('/sys/block', path.basename(device), 'loop');
  try {
    return ['backing_file', 'offset']
      .map((name) => readFileSync(path.join(folder, name), 'utf8').trim())
      .join(' at ');
  } catch {
    return undefined;
  }
}
