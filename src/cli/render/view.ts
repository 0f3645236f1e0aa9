/** What shows a build to whoever started it. All views show the same events. */
import { HyperfileError } from '../../base/error.ts';
import type { BuildEvent } from '../../build/events.ts';
import type { Console } from '../console.ts';

export interface BuildView {
  show(event: BuildEvent): void;
  /** Leaves the terminal as it found it. Nothing is shown after it. */
  close(): void;
}

export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** Milliseconds since some fixed moment. */
export type Clock = () => number;

/**
 * Opens the view that was asked for; `auto` is the live one on a terminal, else the plain one.
 *
 * @throws HyperfileError CLI_NO_TERMINAL
 */
export async function openView(mode: ProgressMode, console: Console): Promise<BuildView> {
  switch (chooseView(mode, console)) {
    case 'json': {
      const { JsonView } = await import('./json.ts');
      return new JsonView(console.out);
    }
    case 'plain': {
      const { PlainView } = await import('./plain.ts');
      return new PlainView(console.err);
    }
    case 'tty': {
      const { TerminalView } = await import('./terminal.ts');
      return new TerminalView(console);
    }
  }
}

/** @throws HyperfileError CLI_NO_TERMINAL */
export function chooseView(mode: ProgressMode, console: Console): Exclude<ProgressMode, 'auto'> {
  const isTerminal = canRedraw(console);
  if (mode === 'tty' && !isTerminal) throw new HyperfileError('CLI_NO_TERMINAL');
  if (mode === 'auto') return isTerminal ? 'tty' : 'plain';
  return mode;
}

/** A terminal without a size (0 columns, as some pseudo-terminals have) cannot be drawn on either. */
function canRedraw({ err, env }: Console): boolean {
  return err.isTTY === true && env.TERM !== 'dumb' && (err.columns ?? 0) > 0;
}
