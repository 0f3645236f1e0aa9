/** Merges a difference into its parent, and says where everything is now. */
import path from 'node:path';
import { runSteps } from '../../base/steps.ts';
import { openLayers, closeLayers } from '../../vhdx/ancestry.ts';
import { mergeDisk } from '../../vhdx/operations/merge-disk.ts';
import type { Console } from '../console.ts';
import type { WorkFlags } from '../options.ts';
import { ownFile } from './own-file.ts';
import { withDiskWork, writeResult } from './work.ts';

export interface MergeFlags extends WorkFlags {
  readonly force?: boolean;
  readonly keep?: boolean;
}

export async function merge(name: string, flags: MergeFlags, console: Console): Promise<void> {
  const file = ownFile(name, console);
  refuseLayerBelow(file, console);
  const options = { orphanChildren: flags.force === true, keep: flags.keep === true };
  const result = await withDiskWork(flags, console, `merging ${path.basename(file)} into its parent`, (io) =>
    runSteps(mergeDisk(file, options), io),
  );
  const lines = [
    `${result.parent} holds what ${file} held${flags.keep ? '' : ', which is gone'}`,
    ...result.relinked.map((child) => `${child} stands on ${result.parent} now`),
  ];
  writeResult(flags, console, { path: file, ...result }, lines.map((line) => `${line}\n`).join(''));
}

/** The parent changes too, so it must be no layer of a store either. */
function refuseLayerBelow(file: string, console: Console): void {
  const layers = openLayers(file);
  closeLayers(layers);
  if (layers[1] !== undefined) ownFile(layers[1].path, console);
}
