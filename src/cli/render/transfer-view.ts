/** What shows pushes, pulls and copies to whoever started them. All views show the same events. */
import type { TransferEvent } from '../../transfer/events.ts';
import type { Console } from '../console.ts';
import { chooseView, type ProgressMode } from './view.ts';

export interface TransferView {
  show(event: TransferEvent): void;
  /** Leaves the terminal as it found it. Nothing is shown after it. */
  close(): void;
}

/** For `--quiet`: nothing. */
const NOTHING: TransferView = { show: () => undefined, close: () => undefined };

/**
 * Opens the view that was asked for; `auto` is the live one on a terminal, else the plain one.
 *
 * @throws HyperfileError CLI_NO_TERMINAL
 */
export async function openTransferView(
  mode: ProgressMode | 'quiet',
  console: Console,
): Promise<TransferView> {
  if (mode === 'quiet') return NOTHING;
  switch (chooseView(mode, console)) {
    case 'json': {
      const { JsonView } = await import('./json.ts');
      return new JsonView(console.out);
    }
    case 'plain': {
      const { PlainTransferView } = await import('./transfer-plain.ts');
      return new PlainTransferView(console.err);
    }
    case 'tty': {
      const { TerminalTransferView } = await import('./transfer-terminal.ts');
      return new TerminalTransferView(console);
    }
  }
}
