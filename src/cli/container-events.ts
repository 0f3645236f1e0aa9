/** A container image on its way into the store, told as one transfer from its first event to its last. */
import type { BuildEvent } from '../build/events.ts';
import { isHyperfileError } from '../base/error.ts';
import type { Listener, Progress } from '../base/events.ts';
import type { Digest } from '../oci/digest.ts';
import type { TransferEvent } from '../transfer/events.ts';

const TELL_EVERY_MS = 100;
const UNPACKED = 'unpacked';

type TransferEnd = Extract<TransferEvent, { type: 'transfer-end' }>;

/**
 * Whoever finds a container image ends its transfer, and only then a disk is made of it. So the last event is held back,
 * and what the build tells goes before it.
 */
export class ContainerEvents {
  readonly #onEvent: Listener<TransferEvent>;
  #startedMs = performance.now();
  #held: TransferEnd | undefined;
  #movedBytes = 0;
  /** When its progress was last told; undefined before it begins. */
  #unpackingToldMs: number | undefined;

  constructor(onEvent: Listener<TransferEvent>) {
    this.#onEvent = onEvent;
  }

  /** Takes the events of the transfer. */
  readonly onTransfer: Listener<TransferEvent> = (event) => {
    this.release();
    if (event.type === 'transfer-start') this.#startedMs = performance.now();
    if (event.type === 'transfer-end') this.#held = event;
    else this.#onEvent(event);
  };

  /** Tells what was held back. */
  release(): void {
    if (this.#held) this.#onEvent(this.#held);
    this.#held = undefined;
  }

  /** Makes a base of the image whose transfer has just ended. */
  async during<T>(image: Digest, work: (onEvent: Listener<BuildEvent>) => Promise<T>): Promise<T> {
    const held = this.#held;
    this.#held = undefined;
    this.#movedBytes = 0;
    this.#unpackingToldMs = undefined;
    const end = (status: TransferEnd['status']) => {
      if (held === undefined) return;
      const durationMs = performance.now() - this.#startedMs;
      this.#onEvent({ ...held, status, movedBytes: held.movedBytes + this.#movedBytes, durationMs });
    };
    try {
      const result = await work((event) => this.#onBuild(event, image));
      end('done');
      return result;
    } catch (error) {
      end(isHyperfileError(error, 'INTERRUPTED') ? 'cancelled' : 'failed');
      throw error;
    }
  }

  /** Unpacking is one more thing on its way; what else a build tells is about its step. */
  #onBuild(event: BuildEvent, image: Digest): void {
    switch (event.type) {
      case 'warning':
        this.#onEvent(event);
        return;
      case 'transfer':
        if (event.event.type === 'blob-end') this.#movedBytes += event.event.bytes;
        this.#onEvent(event.event);
        return;
      case 'step-progress':
        this.#unpacked(event.what, event.progress, image);
        return;
      case 'step-end': {
        if (this.#unpackingToldMs === undefined) return;
        const status = event.status === 'done' || event.status === 'cached' ? 'done' : 'failed';
        const { durationMs } = event;
        this.#onEvent({ type: 'blob-end', blob: image, label: UNPACKED, status, bytes: 0, durationMs });
        return;
      }
      default:
    }
  }

  #unpacked(what: string, { done, total, unit }: Progress, image: Digest): void {
    if (unit !== 'bytes' || total === undefined) return;
    if (this.#unpackingToldMs === undefined)
      this.#onEvent({ type: 'blob-start', blob: image, label: what, totalBytes: total });
    const nowMs = performance.now();
    if (nowMs - (this.#unpackingToldMs ?? -Infinity) < TELL_EVERY_MS) return;
    this.#unpackingToldMs = nowMs;
    this.#onEvent({ type: 'blob-progress', blob: image, doneBytes: done, totalBytes: total });
  }
}
