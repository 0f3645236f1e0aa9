/** The plain way: the guest shuts down, its disk is the layer, and the machine waits for the next disk. */
import { createChild } from '../../../vhdx/create.ts';
import { settleLog } from '../../../vhdx/edit/open.ts';
import { whenReleased } from '../released.ts';
import type { SealPlace, SealStrategy, StrategyParts } from './strategy.ts';

export class ShutdownSeal implements SealStrategy {
  isLent = false;
  readonly #parts: Pick<StrategyParts, 'machine' | 'signal'>;

  constructor(parts: Pick<StrategyParts, 'machine' | 'signal'>) {
    this.#parts = parts;
  }

  lend({ sandboxPath }: SealPlace): Promise<string> {
    this.isLent = true;
    return Promise.resolve(sandboxPath);
  }

  async seal({ sandboxPath }: SealPlace, nextPath: string | undefined): Promise<void> {
    const { machine, signal } = this.#parts;
    await machine.stop(signal);
    this.isLent = false;
    await sealFile(sandboxPath, nextPath);
  }

  async takeBack(): Promise<void> {
    const { machine, signal } = this.#parts;
    await machine.stop(signal);
    this.isLent = false;
  }
}

/** Makes a layer of a difference that nobody has open any more: nothing of it may lie in its log alone. */
export async function sealFile(sandboxPath: string, nextPath: string | undefined): Promise<void> {
  await whenReleased(() => settleLog(sandboxPath));
  if (nextPath !== undefined) await whenReleased(() => createChild(nextPath, sandboxPath));
}
