/** One event a line, for programs. */
import type { BuildEvent } from '../../build/events.ts';
import type { OutputStream } from '../console.ts';
import type { BuildView } from './view.ts';

export class JsonView implements BuildView {
  readonly #stream: OutputStream;
  readonly #now: () => Date;

  constructor(stream: OutputStream, now: () => Date = () => new Date()) {
    this.#stream = stream;
    this.#now = now;
  }

  show(event: BuildEvent): void {
    this.#stream.write(`${JSON.stringify({ time: this.#now().toISOString(), ...event })}\n`);
  }

  close(): void {
    // Every line is already written.
  }
}
