/** Transfers line by line, for logs and pipes: a line when a blob begins and ends, and now and then for a long one. */
import type { TransferEvent } from '../../transfer/events.ts';
import type { OutputStream } from '../console.ts';
import { formatSize } from '../size.ts';
import { endedFigures, MovingBlobs, type BlobEnd } from './blobs.ts';
import { movingFigures } from './moving.ts';
import { cleanText } from './output-lines.ts';
import { doing, transferSummary } from './transfer-summary.ts';
import type { TransferView } from './transfer-view.ts';
import type { Clock } from './view.ts';

/** How often a log hears of one blob. */
const TELL_EVERY_MS = 30_000;

export class PlainTransferView implements TransferView {
  readonly #stream: OutputStream;
  readonly #now: Clock;
  readonly #blobs = new MovingBlobs();
  #existing = 0;

  constructor(stream: OutputStream, now: Clock = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  show(event: TransferEvent): void {
    switch (event.type) {
      case 'transfer-start':
        this.#existing = 0;
        this.#write(`${doing(event.action)} ${cleanText(event.name)}`);
        return;
      case 'blob-start':
        this.#write(`${this.#blobs.start(event, this.#now()).label}: ${formatSize(event.totalBytes)}`);
        return;
      case 'blob-progress': {
        const blob = this.#blobs.progress(event, this.#now());
        if (!blob || this.#now() - blob.toldMs < TELL_EVERY_MS) return;
        blob.toldMs = this.#now();
        this.#write(`${blob.label}: ${movingFigures(blob, this.#now())}`);
        return;
      }
      case 'blob-end':
        this.#end(event);
        return;
      case 'warning':
        this.#write(`WARNING: ${cleanText(event.message)}`);
        if (event.hint) this.#write(`  ${cleanText(event.hint)}`);
        return;
      case 'transfer-end':
        for (const line of transferSummary(event, this.#existing)) this.#write(line);
    }
  }

  close(): void {
    // Every line is already written.
  }

  /** Blobs that were there already are only counted, unless the log has heard of them. */
  #end(event: BlobEnd): void {
    const wasMoving = this.#blobs.end(event);
    if (event.status === 'exists') this.#existing += 1;
    if (event.status !== 'exists' || wasMoving)
      this.#write(`${cleanText(event.label)}: ${endedWords(event)}`);
  }

  #write(line: string): void {
    this.#stream.write(`${line}\n`);
  }
}

function endedWords(event: BlobEnd): string {
  switch (event.status) {
    case 'done':
      return `DONE  ${endedFigures(event)}`;
    case 'exists':
      return 'there already';
    case 'mounted':
      return 'taken over from another repository';
    case 'failed':
      return 'FAILED';
  }
}
