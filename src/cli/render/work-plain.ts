/** Work line by line, for logs and pipes. Work that is over before it tells of any progress leaves no line. */
import type { OutputStream } from '../console.ts';
import { movedFigures, movingFigures, type Moving } from './moving.ts';
import { cleanText } from './output-lines.ts';
import { Rate } from './rate.ts';
import type { Clock } from './view.ts';
import type { WorkEvent, WorkView } from './work-view.ts';

/** How often a log hears of it. */
const TELL_EVERY_MS = 30_000;

export class PlainWorkView implements WorkView {
  readonly #stream: OutputStream;
  readonly #now: Clock;
  #label = '';
  #moving: Moving | undefined;
  #toldMs = 0;

  constructor(stream: OutputStream, now: Clock = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  show(event: WorkEvent): void {
    switch (event.type) {
      case 'work-start':
        this.#label = cleanText(event.title);
        return;
      case 'work-progress':
        this.#progress(event);
        return;
      case 'warning':
        this.#write(`WARNING: ${cleanText(event.message)}`);
        return;
      case 'work-end':
        // Of what failed or was cancelled, the error says all.
        if (this.#moving && event.status === 'done')
          this.#write(`${this.#label}: DONE  ${movedFigures(this.#moving.progress, event.durationMs)}`);
    }
  }

  close(): void {
    // Every line is already written.
  }

  #progress(progress: Extract<WorkEvent, { type: 'work-progress' }>): void {
    const nowMs = this.#now();
    if (!this.#moving) {
      this.#moving = { label: this.#label, rate: new Rate(nowMs, progress.done), progress };
      this.#toldMs = nowMs;
      return this.#write(this.#label);
    }
    this.#moving.progress = progress;
    this.#moving.rate?.add(nowMs, progress.done);
    if (nowMs - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = nowMs;
    this.#write(`${this.#label}: ${movingFigures(this.#moving, nowMs)}`);
  }

  #write(line: string): void {
    this.#stream.write(`${line}\n`);
  }
}
