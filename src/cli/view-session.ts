/** Work on the store with a view of it: opens both, lets Ctrl-C stop the work, and leaves the terminal clean. */
import type { Listener } from '../base/events.ts';
import type { BuildEvent } from '../build/events.ts';
import type { Store } from '../store/store.ts';
import type { TransferEvent } from '../transfer/events.ts';
import type { CopyIo } from '../transfer/copy-image.ts';
import type { TransferIo } from '../transfer/io.ts';
import { whenDrained, type Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { openStore } from './open-store.ts';
import { QuietView } from './render/quiet.ts';
import { openTransferView, type TransferView } from './render/transfer-view.ts';
import { openView, type ProgressMode } from './render/view.ts';
import type { TransferFlags } from './transfer-options.ts';

export interface ViewFlags {
  readonly progress: ProgressMode;
  readonly quiet?: boolean;
}

export interface SessionIo<E = BuildEvent> {
  readonly store: Store;
  readonly onEvent: Listener<E>;
  readonly signal: AbortSignal;
  /** When the streams that the view writes to can take more; undefined: now. */
  readonly drained: () => Promise<void> | undefined;
}

interface View<E> {
  show(event: E | Notice): void;
  close(): void;
}

interface Notice {
  readonly type: 'warning';
  readonly message: string;
}

/** Work that tells of itself as a build does. @throws HyperfileError CLI_NO_TERMINAL, and whatever the work throws */
export async function withView<T>(
  flags: ViewFlags,
  console: Console,
  work: (io: SessionIo) => Promise<T>,
): Promise<T> {
  const view = flags.quiet ? new QuietView(console.err) : await openView(flags.progress, console);
  return session<BuildEvent, T, object>(view, console, work, {});
}

/** Work that ships images to or from the store. @throws HyperfileError CLI_NO_TERMINAL, and whatever the work throws */
export async function withTransferView<T>(
  flags: TransferFlags,
  console: Console,
  work: (io: TransferIo) => Promise<T>,
): Promise<T> {
  return session(await transferView(flags, console), console, work, transferLimits(flags));
}

/** Work that ships images past the store. @throws HyperfileError CLI_NO_TERMINAL, and whatever the work throws */
export async function withCopyView<T>(
  flags: TransferFlags,
  console: Console,
  work: (io: CopyIo) => Promise<T>,
): Promise<T> {
  const view = await transferView(flags, console);
  const announce = (message: string) => view.show({ type: 'warning', message });
  const onEvent: Listener<TransferEvent> = (event) => view.show(event);
  try {
    return await interruptible(announce, (signal) => work({ signal, onEvent, ...transferLimits(flags) }));
  } finally {
    view.close();
  }
}

function transferView({ quiet, format, progress }: TransferFlags, console: Console): Promise<TransferView> {
  return openTransferView(quiet ? 'quiet' : format === 'json' ? 'json' : progress, console);
}

function transferLimits({
  concurrency,
  compressionLevel,
}: TransferFlags): Pick<TransferIo, 'concurrency' | 'level'> {
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(compressionLevel !== undefined && { level: compressionLevel }),
  };
}

async function session<E, T, L extends object>(
  view: View<E>,
  console: Console,
  work: (io: SessionIo<E> & L) => Promise<T>,
  limits: L,
): Promise<T> {
  const drained = () => whenDrained([console.out, console.err]);
  const announce = (message: string) => view.show({ type: 'warning', message });
  const onEvent: Listener<E> = (event) => view.show(event);
  try {
    return await interruptible(announce, async (signal) => {
      const store = await openStore(console, { signal, announce });
      try {
        return await work({ store, signal, onEvent, drained, ...limits });
      } finally {
        store.close();
      }
    });
  } finally {
    view.close();
  }
}
