/** Compacts a disk, and says what it brought. */
import path from 'node:path';
import { runSteps } from '../../base/steps.ts';
import { compactDisk } from '../../vhdx/operations/compact.ts';
import type { Console } from '../console.ts';
import type { WorkFlags } from '../options.ts';
import { formatSize } from '../size.ts';
import { ownFile } from './own-file.ts';
import { withDiskWork, writeResult } from './work.ts';

export async function compact(name: string, flags: WorkFlags, console: Console): Promise<void> {
  const file = ownFile(name, console);
  const result = await withDiskWork(flags, console, `compacting ${path.basename(file)}`, (io) =>
    runSteps(compactDisk(file), io),
  );
  const { beforeBytes, afterBytes } = result;
  const text = `${file}: ${formatSize(beforeBytes)} -> ${formatSize(afterBytes)}\n`;
  writeResult(flags, console, { path: file, ...result }, text);
}
