/** The live view of transfers: a line for every blob that has moved, and under them those on their way. */
import type { TransferEvent } from '../../transfer/events.ts';
import { colorsFor, type Colors, type Console } from '../console.ts';
import { formatSize } from '../size.ts';
import { endedFigures, MovingBlobs, type BlobEnd } from './blobs.ts';
import { LiveRegion } from './live-region.ts';
import { movingLine } from './moving.ts';
import { cleanText } from './output-lines.ts';
import { formatSeconds } from './summary.ts';
import { justify } from './text-width.ts';
import { doing, transferSummary, type TransferEnd } from './transfer-summary.ts';
import type { TransferView } from './transfer-view.ts';
import type { Clock } from './view.ts';

/** On a very wide terminal, figures would stand too far from what they belong to. */
const WIDEST = 120;

export class TerminalTransferView implements TransferView {
  readonly #console: Console;
  readonly #colors: Colors;
  readonly #now: Clock;
  readonly #blobs = new MovingBlobs();
  readonly #region: LiveRegion;
  #startedMs: number;
  #title = '';
  #movedBytes = 0;
  #existing = 0;

  constructor(console: Console, now: Clock = () => performance.now()) {
    this.#console = console;
    this.#colors = colorsFor(console, console.err);
    this.#now = now;
    this.#startedMs = now();
    this.#region = new LiveRegion(console, this.#colors, (columns, rows) => this.draw(columns, rows));
  }

  show(event: TransferEvent): void {
    switch (event.type) {
      case 'transfer-start':
        this.#title = `${doing(event.action)} ${cleanText(event.name)}`;
        this.#startedMs = this.#now();
        this.#movedBytes = 0;
        this.#existing = 0;
        return;
      case 'blob-start':
        this.#blobs.start(event, this.#now());
        return;
      case 'blob-progress':
        this.#blobs.progress(event, this.#now());
        return;
      case 'blob-end':
        this.#end(event);
        return;
      case 'warning':
        this.#region.print(`${this.#colors.yellow('warning:')} ${cleanText(event.message)}`);
        if (event.hint) this.#region.print(`  ${cleanText(event.hint)}`);
        return;
      case 'transfer-end':
        this.#finish(event);
    }
  }

  close(): void {
    this.#region.close();
  }

  /** The live lines, for a terminal of this size: the whole first, then each blob on its way. */
  draw(columns: number, rows: number): string[] {
    const width = Math.min(columns, WIDEST);
    const nowMs = this.#now();
    const blobs = this.#blobs.all;
    const movedBytes = blobs.reduce((sum, { progress }) => sum + progress.done, this.#movedBytes);
    const right = `${formatSize(movedBytes)}  ${formatSeconds(nowMs - this.#startedMs)}`;
    const lines = [justify(this.#title === '' ? 'waiting' : this.#title, right, width).join('')];
    for (const blob of blobs) {
      const [left, figures] = movingLine(blob, nowMs, width);
      lines.push(this.#colors.bold(left) + this.#colors.dim(figures));
    }
    return lines.slice(0, Math.max(1, rows));
  }

  #end(event: BlobEnd): void {
    this.#blobs.end(event);
    this.#movedBytes += event.bytes;
    if (event.status === 'exists') this.#existing += 1;
    else this.#region.print(this.#endedLine(event));
  }

  #endedLine(event: BlobEnd): string {
    const { green, blue, red, dim } = this.#colors;
    const mark = { done: green('✔'), mounted: blue('●'), failed: red('✖'), exists: blue('●') }[event.status];
    const figures = event.status === 'done' ? endedFigures(event) : event.status.toUpperCase();
    const columns = Math.min(Math.max(1, (this.#console.err.columns ?? 80) - 1), WIDEST) - 2;
    const [left, right] = justify(cleanText(event.label), figures, columns);
    return `${mark} ${left}${dim(right)}`;
  }

  /** What is still in the list of a transfer that failed will never end. */
  #finish(event: TransferEnd): void {
    if (event.status !== 'done') this.#blobs.clear();
    this.#title = '';
    const paint = event.status === 'done' ? this.#colors.green : this.#colors.red;
    const [blank = '', first = '', ...rest] = transferSummary(event, this.#existing);
    for (const line of [blank, paint(first), ...rest]) this.#region.print(line);
  }
}
