/** Tells how blobs move: not at every piece, only often enough for a line that people read. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { TransferIo } from './io.ts';

const PAUSE_MS = 100;
const SHORT_ID_DIGITS = 12;

/** One blob on its way. */
export class BlobProgress {
  readonly #io: Pick<TransferIo, 'onEvent'>;
  readonly #blob: Descriptor;
  readonly #label: string;
  readonly #startedMs = performance.now();
  #toldMs = 0;
  #ended = false;

  constructor(io: Pick<TransferIo, 'onEvent'>, blob: Descriptor, label: string) {
    this.#io = io;
    this.#blob = blob;
    this.#label = label;
    io.onEvent({ type: 'blob-start', blob: blob.digest, label, totalBytes: blob.size });
  }

  /** So much of the blob is there, by now or before. */
  reached(doneBytes: number): void {
    const now = performance.now();
    if (now - this.#toldMs < PAUSE_MS) return;
    this.#toldMs = now;
    const { digest, size } = this.#blob;
    this.#io.onEvent({ type: 'blob-progress', blob: digest, doneBytes, totalBytes: size });
  }

  /** @param bytes what moved over the wire; repeated calls are harmless */
  end(status: 'done' | 'exists' | 'mounted' | 'failed', bytes: number): void {
    if (this.#ended) return;
    this.#ended = true;
    const durationMs = performance.now() - this.#startedMs;
    const { digest } = this.#blob;
    this.#io.onEvent({ type: 'blob-end', blob: digest, label: this.#label, status, bytes, durationMs });
  }
}

/** What people call a layer's blob. `count` is how many the layer has. */
export function layerLabel(id: string, index: number, count: number): string {
  const name = `layer ${id.slice(0, SHORT_ID_DIGITS)}`;
  return count === 1 ? name : `${name} part ${index + 1}`;
}
