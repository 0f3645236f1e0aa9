/** Work on the store with a view of it: opens both, lets Ctrl-C stop the work, and leaves the terminal clean. */
import type { Listener } from '../base/events.ts';
import type { BuildEvent } from '../build/events.ts';
import type { Store } from '../store/store.ts';
import { whenDrained, type Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { openStore } from './open-store.ts';
import { QuietView } from './render/quiet.ts';
import { openView, type ProgressMode } from './render/view.ts';

export interface ViewFlags {
  readonly progress: ProgressMode;
  readonly quiet?: boolean;
}

export interface SessionIo {
  readonly store: Store;
  readonly onEvent: Listener<BuildEvent>;
  readonly signal: AbortSignal;
  /** When the streams that the view writes to can take more; undefined: now. */
  readonly drained: () => Promise<void> | undefined;
}

/** @throws HyperfileError CLI_NO_TERMINAL, and whatever the work throws */
export async function withView<T>(
  flags: ViewFlags,
  console: Console,
  work: (io: SessionIo) => Promise<T>,
): Promise<T> {
  const view = flags.quiet ? new QuietView(console.err) : await openView(flags.progress, console);
  const drained = () => whenDrained([console.out, console.err]);
  const announce = (message: string) => view.show({ type: 'warning', message });
  try {
    return await interruptible(announce, async (signal) => {
      const store = await openStore(console, { signal, announce });
      try {
        return await work({ store, signal, onEvent: (event) => view.show(event), drained });
      } finally {
        store.close();
      }
    });
  } finally {
    view.close();
  }
}
