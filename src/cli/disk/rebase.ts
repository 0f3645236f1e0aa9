/** Sets a difference's parent. */
import path from 'node:path';
import { rebase as rebaseDisk } from '../../vhdx/operations/rebase.ts';
import type { Console } from '../console.ts';
import type { OutputFormat } from '../options.ts';
import { ownFile } from './own-file.ts';
import { writeResult } from './work.ts';

export interface RebaseFlags {
  readonly parent: string;
  readonly ignoreIdMismatch?: boolean;
  readonly format: OutputFormat;
  readonly quiet?: boolean;
}

export function rebase(name: string, flags: RebaseFlags, console: Console): void {
  const file = ownFile(name, console);
  const parent = path.resolve(console.cwd, flags.parent);
  rebaseDisk(file, parent, { ignoreMismatch: flags.ignoreIdMismatch === true });
  writeResult(
    { ...flags, progress: 'auto' },
    console,
    { path: file, parent },
    `${file} stands on ${parent}\n`,
  );
}
