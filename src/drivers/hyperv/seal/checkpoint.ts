/**
 * Without a shutdown: a checkpoint of the running guest freezes its disk, the layer is a copy of the frozen file, and
 * the guest goes on. The files that the machine works on are private: Hyper-V merges them when the machine is removed,
 * and nothing may ever build on them.
 */
import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { diskFullAt } from '../../../base/atomic-file.ts';
import { rebase } from '../../../vhdx/operations/rebase.ts';
import { unlessHeld, whenReleased } from '../released.ts';
import type { SealPlace, SealStrategy, StrategyParts } from './strategy.ts';

export class CheckpointSeal implements SealStrategy {
  isLent = false;
  readonly #parts: StrategyParts;
  #lent = 0;

  constructor(parts: StrategyParts) {
    this.#parts = parts;
  }

  async lend({ sandboxPath, parentPath }: SealPlace): Promise<string> {
    this.#lent += 1;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    // Of the machine's first disk; the differences of its checkpoints lie beside it.
    const workPath = path.join(this.#folder, 'work.vhdx');
    this.#parts.session.claim(workPath);
    await whenReleased(() => renameSync(sandboxPath, workPath));
    rebase(workPath, parentPath);
    this.isLent = true;
    return workPath;
  }

  /** One each time: Hyper-V may still be merging what was in the last one. */
  get #folder(): string {
    return path.join(this.#parts.folder, String(this.#lent));
  }

  /** What follows has no file at `nextPath` before it is sealed or taken back. */
  async seal(place: SealPlace): Promise<void> {
    const { machine, signal } = this.#parts;
    await takeCopy(await machine.checkpoint(signal), place);
  }

  async takeBack(place: SealPlace): Promise<void> {
    const { machine, signal } = this.#parts;
    await machine.stop(signal);
    await takeCopy(machine.diskPath!, place);
    // With its checkpoints: the next one begins anew.
    await machine.remove();
    this.isLent = false;
    // What Hyper-V still merges goes with the sandbox.
    await whenReleased(() => rmSync(this.#folder, { recursive: true }), 0).catch(unlessHeld);
  }
}

/**
 * A copy that is a difference on the layer below. Below the original is a private file with the same identity, as that
 * layer is a copy of it.
 */
async function takeCopy(source: string, { sandboxPath, parentPath }: SealPlace): Promise<void> {
  const mode = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
  await whenReleased(() => copyFile(source, sandboxPath, mode)).catch((error: unknown) => {
    throw diskFullAt(sandboxPath, error);
  });
  rebase(sandboxPath, parentPath);
}
