/** The live view: a line for every finished step, and under them what runs now with the last lines it printed. */
import type { BuildEvent, StepId } from '../../build/events.ts';
import type { Progress } from '../../base/events.ts';
import { colorsFor, type Colors, type Console } from '../console.ts';
import { formatSize } from '../size.ts';
import { MovingBlobs } from './blobs.ts';
import { LiveRegion } from './live-region.ts';
import { movingLine } from './moving.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import { cleanText } from './output-lines.ts';
import { cachedWord, ShownSteps, type ShownStep } from './steps.ts';
import { formatSeconds, summaryLines } from './summary.ts';
import { fitText, justify } from './text-width.ts';
import { transferLine } from './transfer-summary.ts';
import type { BuildView, Clock } from './view.ts';

/** Lines of output kept of a running step. */
const TAIL_LINES = 6;
/** On a very wide terminal, times would stand too far from what they belong to. */
const WIDEST = 120;

type StepEnd = Extract<BuildEvent, { type: 'step-end' }>;

interface RunningStep {
  readonly shown: ShownStep;
  readonly tail: string[];
  progress?: { readonly what: string; readonly progress: Progress };
  status?: string;
}

export class TerminalView implements BuildView {
  readonly #console: Console;
  readonly #colors: Colors;
  readonly #now: Clock;
  readonly #steps = new ShownSteps();
  readonly #running = new Map<StepId, RunningStep>();
  readonly #blobs = new MovingBlobs();
  readonly #startedMs: number;
  readonly #region: LiveRegion;
  #totalSteps = 0;
  #endedSteps = 0;
  #cachedSteps = 0;

  constructor(console: Console, now: Clock = () => performance.now()) {
    this.#console = console;
    this.#colors = colorsFor(console, console.err);
    this.#now = now;
    this.#startedMs = now();
    this.#region = new LiveRegion(console, this.#colors, (columns, rows) => this.draw(columns, rows));
  }

  show(event: BuildEvent): void {
    switch (event.type) {
      case 'build-start':
        this.#totalSteps = event.totalSteps;
        return;
      case 'step-start':
        this.#running.set(event.step, { shown: this.#steps.start(event, this.#now()), tail: [] });
        return;
      case 'step-output':
        this.#output(event.step, event.stream, event.text);
        return;
      case 'step-progress': {
        const step = this.#running.get(event.step);
        if (step) step.progress = event;
        return;
      }
      case 'step-status': {
        const step = this.#running.get(event.step);
        if (step) step.status = event.text;
        return;
      }
      case 'step-end':
        this.#end(event);
        return;
      case 'warning':
        this.#warn(event);
        return;
      case 'explain':
        this.#explain(event.step, event.text);
        return;
      case 'transfer':
        this.#transfer(event.event);
        return;
      case 'build-end':
        this.close();
        for (const line of summaryLines(event)) this.#region.print(this.#summaryColors(line, event.status));
    }
  }

  close(): void {
    this.#region.close();
  }

  /** The live lines, for a terminal of this size: totals, each running step with its last lines, blobs on their way. */
  draw(columns: number, rows: number): string[] {
    const width = Math.min(columns, WIDEST);
    const elapsed = formatSeconds(this.#now() - this.#startedMs);
    const counts = `${this.#endedSteps}/${this.#totalSteps} steps, ${this.#cachedSteps} cached`;
    const lines = [justify(`building: ${counts}`, elapsed, width).join('')];
    const steps = [...this.#running.values()];
    const blobs = this.#blobs.all;
    const freeRows = rows - 1 - steps.length - blobs.length;
    const tailRows = Math.min(TAIL_LINES, Math.floor(freeRows / Math.max(1, steps.length)));
    for (const step of steps) {
      lines.push(this.#runningLine(step, width));
      for (const text of tailOf(step, tailRows))
        lines.push(this.#colors.dim(fitText(`    ${text}`, columns)));
    }
    for (const blob of blobs) lines.push(this.#colors.dim(movingLine(blob, this.#now(), width).join('')));
    return lines.slice(0, Math.max(1, rows));
  }

  #runningLine({ shown, progress, status }: RunningStep, columns: number): string {
    const seconds = formatSeconds(this.#now() - shown.startedMs);
    const moving = progress && `${progress.what} ${formatProgress(progress.progress)}`;
    const figure = [status === undefined ? moving : cleanText(status), seconds].filter(Boolean).join('  ');
    const [left, right] = justify(`→ ${shown.title}`, figure, columns);
    return this.#colors.bold(left) + this.#colors.dim(right);
  }

  #output(id: StepId, stream: 'stdout' | 'stderr', text: string): void {
    const step = this.#running.get(id);
    if (!step) return;
    step.tail.push(...step.shown[stream].push(text).filter((line) => line.trim() !== ''));
    step.tail.splice(0, Math.max(0, step.tail.length - TAIL_LINES));
  }

  #end(event: StepEnd): void {
    const step = this.#running.get(event.step);
    if (!step) return;
    this.#running.delete(event.step);
    this.#endedSteps += 1;
    if (event.status === 'cached') this.#cachedSteps += 1;
    this.#region.print(this.#endedLine(step.shown, event));
    for (const line of event.error?.lastLines ?? []) this.#region.print(`    ${line}`);
  }

  #endedLine(step: ShownStep, event: StepEnd): string {
    const { green, blue, red, yellow, dim } = this.#colors;
    const mark = { done: green('✔'), cached: blue('●'), failed: red('✖'), cancelled: yellow('■') }[
      event.status
    ];
    const size = event.layer ? formatSize(event.layer.allocatedBytes) : '';
    const time = event.status === 'cached' ? cachedWord(event) : formatSeconds(event.durationMs);
    const columns = Math.min(Math.max(1, (this.#console.err.columns ?? 80) - 1), WIDEST) - 2;
    const [left, right] = justify(step.title, `${size}  ${time.padStart(6)}`.trimStart(), columns);
    return `${mark} ${event.status === 'cached' ? dim(left) : left}${dim(right)}`;
  }

  #explain(id: StepId, text: string): void {
    const title = this.#steps.get(id)?.title;
    for (const line of text.split('\n'))
      this.#region.print(this.#colors.dim(`  ${title === undefined ? '' : `${title}: `}${cleanText(line)}`));
  }

  /** Blobs only pass by: a line stays of each transfer, and of each blob that failed. */
  #transfer(event: TransferEvent): void {
    switch (event.type) {
      case 'transfer-start':
        return;
      case 'blob-start':
        this.#blobs.start(event, this.#now());
        return;
      case 'blob-progress':
        this.#blobs.progress(event, this.#now());
        return;
      case 'blob-end':
        this.#blobs.end(event);
        if (event.status === 'failed')
          this.#region.print(`${this.#colors.red('✖')} ${cleanText(event.label)}`);
        return;
      case 'warning':
        this.#warn(event);
        return;
      case 'transfer-end':
        this.#region.print(`${this.#colors.cyan('⇅')} ${transferLine(event)}`);
    }
  }

  #warn({ message, at, hint }: Omit<Extract<BuildEvent, { type: 'warning' }>, 'type'>): void {
    const place = at ? `${at.file}:${at.line}: ` : '';
    this.#region.print(`${this.#colors.yellow('warning:')} ${place}${cleanText(message)}`);
    if (hint) this.#region.print(`  ${cleanText(hint)}`);
  }

  #summaryColors(line: string, status: 'done' | 'failed' | 'cancelled'): string {
    if (!line.startsWith('Buil')) return line;
    return status === 'done' ? this.#colors.green(line) : this.#colors.red(line);
  }
}

/** The last lines, the unfinished one (a progress bar) included. */
function tailOf({ shown, tail }: RunningStep, count: number): string[] {
  if (count <= 0) return [];
  const unfinished = [shown.stdout.current, shown.stderr.current].filter((line) => line.trim() !== '');
  return [...tail, ...unfinished].slice(-count);
}

function formatProgress({ done, total, unit }: Progress): string {
  const show = unit === 'bytes' ? formatSize : String;
  return total === undefined ? show(done) : `${show(done)} / ${show(total)}`;
}
