/** The store that the environment names, opened for one command. */
import { isHyperfileError } from '../base/error.ts';
import { storeFolder } from '../base/paths.ts';
import type { Store } from '../store/store.ts';
import type { Console } from './console.ts';

export interface StoreUse {
  /** Ends waiting for other commands. */
  readonly signal: AbortSignal;
  /** Is told when another command has to be waited for. */
  readonly announce: (message: string) => void;
}

/**
 * Opens the store, and removes what commands that were killed left behind.
 *
 * @throws HyperfileError STORE_NEWER, STORE_VERSION_DAMAGED, STORE_NOT_A_STORE, STORE_ACCESS, DISK_FULL
 */
export async function openStore(console: Console, { signal, announce }: StoreUse): Promise<Store> {
  const { Store } = await import('../store/store.ts');
  const onWait = ({ pid }: { pid: number }) =>
    announce(`waiting for process ${pid}, which is using the store`);
  const store = await Store.open(storeFolder(console.env), { signal, onWait });
  await removeLeftovers(store.root, { signal, announce });
  return store;
}

/** What cannot be removed now is tried again by the next command; this one can do its work all the same. */
async function removeLeftovers(root: string, { signal, announce }: StoreUse): Promise<void> {
  const { cleanStaleSessions } = await import('../drivers/drivers.ts');
  try {
    await cleanStaleSessions(root, signal);
  } catch (error) {
    if (!isHyperfileError(error) || error.code === 'INTERRUPTED') throw error;
    announce(`what a killed command left behind could not be removed: ${error.message}`);
  }
}

/** Opens the store for a verb without a view, lets it go at the end, and cleans up on Ctrl-C. */
export async function withStore<T>(
  console: Console,
  work: (store: Store, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { interruptible } = await import('./interrupt.ts');
  const announce = (message: string) => console.err.write(`hyperfile: ${message}\n`);
  return interruptible(announce, async (signal) => {
    const store = await openStore(console, { signal, announce });
    try {
      return await work(store, signal);
    } finally {
      store.close();
    }
  });
}
