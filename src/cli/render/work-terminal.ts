/** The live view of work: one line with a bar, and a line that stays of what is done. */
import { colorsFor, type Colors, type Console } from '../console.ts';
import { LiveRegion } from './live-region.ts';
import { movedFigures, movingLine, type Moving } from './moving.ts';
import { cleanText } from './output-lines.ts';
import { Rate } from './rate.ts';
import { formatSeconds } from './summary.ts';
import { justify } from './text-width.ts';
import type { Clock } from './view.ts';
import type { WorkEvent, WorkView } from './work-view.ts';

/** On a very wide terminal, figures would stand too far from what they belong to. */
const WIDEST = 120;

type WorkEnd = Extract<WorkEvent, { type: 'work-end' }>;

export class TerminalWorkView implements WorkView {
  readonly #console: Console;
  readonly #colors: Colors;
  readonly #now: Clock;
  readonly #startedMs: number;
  readonly #region: LiveRegion;
  #label = '';
  #moving: Moving | undefined;

  constructor(console: Console, now: Clock = () => performance.now()) {
    this.#console = console;
    this.#colors = colorsFor(console, console.err);
    this.#now = now;
    this.#startedMs = now();
    this.#region = new LiveRegion(console, this.#colors, (columns) => this.draw(columns));
  }

  show(event: WorkEvent): void {
    switch (event.type) {
      case 'work-start':
        this.#label = cleanText(event.title);
        return;
      case 'work-progress': {
        const nowMs = this.#now();
        this.#moving ??= { label: this.#label, rate: new Rate(nowMs, event.done), progress: event };
        this.#moving.progress = event;
        this.#moving.rate?.add(nowMs, event.done);
        return;
      }
      case 'warning':
        this.#region.print(`${this.#colors.yellow('warning:')} ${cleanText(event.message)}`);
        return;
      case 'work-end':
        this.#end(event);
    }
  }

  close(): void {
    this.#region.close();
  }

  /** The live line, for a terminal of this width. */
  draw(columns: number): string[] {
    const width = Math.min(columns, WIDEST);
    if (!this.#moving) {
      const elapsed = formatSeconds(this.#now() - this.#startedMs);
      return [justify(this.#label, elapsed, width).join('')];
    }
    const [left, figures] = movingLine(this.#moving, this.#now(), width, '');
    return [this.#colors.bold(left) + this.#colors.dim(figures)];
  }

  /** Of what failed or was cancelled, the error says all; what never told of progress was over in a moment. */
  #end({ status, durationMs }: WorkEnd): void {
    if (status !== 'done' || !this.#moving) return;
    const { green, dim } = this.#colors;
    const columns = Math.min(Math.max(1, (this.#console.err.columns ?? 80) - 1), WIDEST) - 2;
    const [left, right] = justify(this.#label, movedFigures(this.#moving.progress, durationMs), columns);
    this.#region.print(`${green('✔')} ${left}${dim(right)}`);
  }
}
