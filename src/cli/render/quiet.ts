/** For `--quiet`: nothing, but for what a failed step printed last. */
import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../build/events.ts';
import type { OutputStream } from '../console.ts';
import type { BuildView } from './view.ts';

export class QuietView implements BuildView {
  readonly #stream: OutputStream;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  show(event: BuildEvent): void {
    if (event.type !== 'step-end') return;
    for (const line of event.error?.lastLines ?? [])
      this.#stream.write(`${stripVTControlCharacters(line)}\n`);
  }

  close(): void {
    // Every line is already written.
  }
}
