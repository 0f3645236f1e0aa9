/** Line by line, for logs and pipes, in the shape people know from BuildKit. */
import type { BuildEvent, StepId } from '../../build/events.ts';
import type { OutputStream } from '../console.ts';
import { formatSize } from '../size.ts';
import { cleanText } from './output-lines.ts';
import { formatSeconds, summaryLines } from './summary.ts';
import { cachedWord, ShownSteps, type ShownStep } from './steps.ts';
import { PlainTransferView } from './transfer-plain.ts';
import type { BuildView, Clock } from './view.ts';

export class PlainView implements BuildView {
  readonly #stream: OutputStream;
  readonly #now: Clock;
  readonly #steps = new ShownSteps();
  readonly #transfers: PlainTransferView;
  /** The step whose lines came last: a change of step is made visible. */
  #last: ShownStep | undefined;

  constructor(stream: OutputStream, now: Clock = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#transfers = new PlainTransferView(stream, now);
  }

  show(event: BuildEvent): void {
    switch (event.type) {
      case 'build-start':
        return;
      case 'step-start':
        this.#enter(this.#steps.start(event, this.#now()));
        return;
      case 'step-output':
        this.#output(event.step, (step) => step[event.stream].push(event.text));
        return;
      case 'step-status':
        this.#status(event.step, event.text);
        return;
      case 'step-progress':
        // A log has no use for a moving figure; the step's end says how long it took.
        return;
      case 'step-end':
        this.#end(event);
        return;
      case 'warning':
        this.#write(
          `WARNING: ${event.at ? `${event.at.file}:${event.at.line}: ` : ''}${cleanText(event.message)}`,
        );
        if (event.hint) this.#write(`  ${cleanText(event.hint)}`);
        return;
      case 'explain':
        this.#explain(event.step, event.text);
        return;
      case 'transfer':
        this.#last = undefined;
        this.#transfers.show(event.event);
        return;
      case 'build-end':
        this.#last = undefined;
        for (const line of summaryLines(event)) this.#write(line);
    }
  }

  close(): void {
    // Every line is already written.
  }

  #end(event: Extract<BuildEvent, { type: 'step-end' }>): void {
    const step = this.#steps.get(event.step);
    if (!step) return;
    this.#output(event.step, () => [...step.stdout.flush(), ...step.stderr.flush()]);
    this.#enter(step);
    const size = event.layer && event.status === 'done' ? ` (${formatSize(event.layer.allocatedBytes)})` : '';
    const result = {
      done: `DONE ${formatSeconds(event.durationMs)}${size}`,
      cached: cachedWord(event),
      failed: `ERROR: ${event.error?.message ?? 'failed'}`,
      cancelled: 'CANCELED',
    }[event.status];
    this.#write(`#${step.index} ${result}`);
    this.#last = undefined;
  }

  #explain(id: StepId, text: string): void {
    const step = this.#steps.get(id);
    if (step) this.#enter(step);
    for (const line of text.split('\n'))
      this.#write(step ? `#${step.index} ${cleanText(line)}` : cleanText(line));
  }

  /** Waiting is told of when it begins; that it is over, by what comes next. */
  #status(id: StepId, text: string | undefined): void {
    if (text !== undefined) this.#output(id, () => [cleanText(text)]);
  }

  #output(id: StepId, take: (step: ShownStep) => string[]): void {
    const step = this.#steps.get(id);
    if (!step) return;
    const seconds = ((this.#now() - step.startedMs) / 1000).toFixed(3);
    for (const line of take(step)) {
      this.#enter(step);
      this.#write(`#${step.index} ${seconds} ${line}`);
    }
  }

  /** Names the step when the line before belongs to another one. */
  #enter(step: ShownStep): void {
    if (this.#last === step) return;
    this.#write(`\n#${step.index} ${step.title}`);
    this.#last = step;
  }

  #write(line: string): void {
    this.#stream.write(`${line}\n`);
  }
}
