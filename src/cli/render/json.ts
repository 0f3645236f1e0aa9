/** One event a line, for programs. */
import type { BuildEvent } from '../../build/events.ts';
import type { TransferEvent } from '../../transfer/events.ts';
import type { OutputStream } from '../console.ts';
import { safeJson } from '../safe-json.ts';
import type { TransferView } from './transfer-view.ts';
import type { BuildView } from './view.ts';
import type { WorkEvent, WorkView } from './work-view.ts';

export class JsonView implements BuildView, TransferView, WorkView {
  readonly #stream: OutputStream;
  readonly #now: () => Date;

  constructor(stream: OutputStream, now: () => Date = () => new Date()) {
    this.#stream = stream;
    this.#now = now;
  }

  show(event: BuildEvent | TransferEvent | WorkEvent): void {
    this.#stream.write(`${safeJson({ time: this.#now().toISOString(), ...event })}\n`);
  }

  close(): void {
    // Every line is already written.
  }
}
