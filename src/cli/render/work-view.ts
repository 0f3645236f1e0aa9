/** What shows one long piece of work, a disk that is converted for example. All views show the same events. */
import type { Progress } from '../../base/events.ts';
import type { Console } from '../console.ts';
import { chooseView, type ProgressMode } from './view.ts';

export type WorkEvent =
  /** `title` says what is done: `converting a.raw to b.vhdx`. */
  | { readonly type: 'work-start'; readonly title: string }
  | ({ readonly type: 'work-progress' } & Progress)
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'work-end';
      readonly status: 'done' | 'failed' | 'cancelled';
      readonly durationMs: number;
    };

export interface WorkView {
  show(event: WorkEvent): void;
  /** Leaves the terminal as it found it. Nothing is shown after it. */
  close(): void;
}

/** For `--quiet`: nothing. */
const NOTHING: WorkView = { show: () => undefined, close: () => undefined };

/**
 * Opens the view that was asked for; `auto` is the live one on a terminal, else the plain one.
 *
 * @throws HyperfileError CLI_NO_TERMINAL
 */
export async function openWorkView(mode: ProgressMode | 'quiet', console: Console): Promise<WorkView> {
  if (mode === 'quiet') return NOTHING;
  switch (chooseView(mode, console)) {
    case 'json': {
      const { JsonView } = await import('./json.ts');
      return new JsonView(console.out);
    }
    case 'plain': {
      const { PlainWorkView } = await import('./work-plain.ts');
      return new PlainWorkView(console.err);
    }
    case 'tty': {
      const { TerminalWorkView } = await import('./work-terminal.ts');
      return new TerminalWorkView(console);
    }
  }
}
